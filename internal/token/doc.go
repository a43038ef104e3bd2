// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package token makes and recognises the two secrets by which a machine proves which one it is. The registration token
// is given to it in its user data, and is worth one registration; the credential it invents itself, and uses from then
// on. Both are `<kind>.<machine name>.<43 characters>`, where the last part is 256 bits in base64url. Nobody but the
// machine keeps either: what is stored is their SHA-256, which is enough for what cannot be guessed.
package token

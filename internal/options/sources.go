// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package options reads the settings of a binary: a default, overridden by an environment variable, overridden by a
// flag. A bad value is one line that names the flag and the variable it came from.
package options

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// LookupEnv is the shape of os.LookupEnv, injected so that tests need no process environment.
type LookupEnv func(key string) (string, bool)

// Parse fills the flags of fs from the environment and then from args; args win. The variable of a flag is the prefix
// and the flag's name in upper case with underscores: with prefix OPENSPAWN_, --fleet-id reads OPENSPAWN_FLEET_ID.
// Parse returns flag.ErrHelp when help was asked for and printed; every other error is one line fit for the user.
func Parse(fs *flag.FlagSet, prefix string, args []string, lookup LookupEnv) error {
	var bad error
	fs.VisitAll(func(f *flag.Flag) {
		value, ok := lookup(EnvName(prefix, f.Name))
		if !ok || bad != nil {
			return
		}
		if err := fs.Set(f.Name, value); err != nil {
			bad = fmt.Errorf("invalid value %q for --%s (from %s): %w", value, f.Name, EnvName(prefix, f.Name), err)
		}
	})
	if bad != nil {
		return bad
	}
	out := fs.Output()
	fs.SetOutput(io.Discard)
	err := fs.Parse(args)
	fs.SetOutput(out)
	switch {
	case err == flag.ErrHelp: //nolint:errorlint // the flag package returns the sentinel itself
		usage(fs, prefix)
		return err
	case err != nil:
		return err
	case fs.NArg() > 0:
		return fmt.Errorf("unexpected argument %q: settings are given as --flag=value", fs.Arg(0))
	}
	return nil
}

// EnvName is the environment variable that a flag reads.
func EnvName(prefix, name string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func usage(fs *flag.FlagSet, prefix string) {
	out := fs.Output()
	_, _ = fmt.Fprintf(out, "Usage of %s:\n", fs.Name())
	fs.VisitAll(func(f *flag.Flag) {
		_, _ = fmt.Fprintf(out, "  --%-28s %s (default %q, environment %s)\n",
			f.Name, f.Usage, f.DefValue, EnvName(prefix, f.Name))
	})
}

// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/agent/install"
)

const version = "2026.9.6"

// whole is what every archive has in it.
var whole = []tar.Header{
	{Name: "node/bin/node", Typeflag: tar.TypeReg, Mode: 0o4777, Size: 1},
	{Name: version + "/node_modules/openclaw/openclaw.mjs", Typeflag: tar.TypeReg, Mode: 0o644, Size: 1},
	{Name: version + "/node_modules/.bin/openclaw", Typeflag: tar.TypeSymlink, Linkname: "../openclaw/openclaw.mjs"},
}

func pack(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	content := tar.NewWriter(zip)
	for _, h := range headers {
		err := content.WriteHeader(&h)
		if err == nil {
			_, err = content.Write(bytes.Repeat([]byte("x"), int(h.Size)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(content.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// given is a store in whose place an archive is had.
func given(t *testing.T, archive []byte) install.Store {
	t.Helper()
	return install.Store{
		Directory: filepath.Join(t.TempDir()),
		Download:  func(_ context.Context, _, path string) error { return os.WriteFile(path, archive, 0o600) },
		Free:      func(string) (int64, error) { return 1 << 40, nil },
	}
}

func names(t *testing.T, directory string) string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return strings.Join(all, " ")
}

func TestAVersionIsThereAsAWholeOrNotAtAll(t *testing.T) {
	s := given(t, pack(t, whole...))
	if s.Has(version) {
		t.Error("it is there before")
	}
	if err := s.Install(t.Context(), version, "d"); err != nil {
		t.Fatal(err)
	}
	if !s.Has(version) || names(t, s.Directory) != version || names(t, s.Path(version)) != version+" node" {
		t.Errorf("there is %q", names(t, s.Directory))
	}
	info, err := os.Stat(filepath.Join(s.Path(version), install.Node))
	if err != nil || info.Mode().Perm()&0o111 == 0 || info.Mode()&os.ModeSetuid != 0 {
		t.Errorf("Node is %v (%v)", info.Mode(), err)
	}
	if err := os.Mkdir(s.Path("2026.9.5"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.KeepOnly(version); err != nil || names(t, s.Directory) != version {
		t.Errorf("left is %q (%v)", names(t, s.Directory), err)
	}
}

func TestWhatIsNoVersionLeavesNothing(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	regular := func(name string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: 1}
	}
	link := func(name, to string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}
	}
	for name, row := range map[string]struct {
		archive []byte
		says    string
	}{
		"no archive":   {[]byte("hello, world"), "gzip"},
		"cut":          {pack(t, whole...)[:100], "unexpected EOF"},
		"no Node":      {pack(t, whole[1:]...), "lacks node/bin/node"},
		"no OpenClaw":  {pack(t, whole[0]), "lacks " + version},
		"climbs":       {pack(t, append(whole, regular("../../outside"))...), "escapes"},
		"absolute":     {pack(t, append(whole, regular(outside))...), ""},
		"through link": {pack(t, append(whole, link("away", filepath.Dir(outside)), regular("away/outside"))...), "escapes"},
		"twice":        {pack(t, append(whole, whole[1])...), "exists"},
		"a device": {
			pack(t, append(whole, tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3})...), "of kind",
		},
		"a hard link": {
			pack(t, append(whole, tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"})...), "of kind",
		},
	} {
		s := given(t, row.archive)
		err := s.Install(t.Context(), version, "d")
		if row.says == "" && err == nil { // it is taken for a path inside
			continue
		}
		if err == nil || !strings.Contains(err.Error(), row.says) || names(t, s.Directory) != "" {
			t.Errorf("%s: %v; left is %q", name, err, names(t, s.Directory))
		}
		if _, err := os.Stat(outside); err == nil {
			t.Errorf("%s: it wrote outside", name)
		}
	}
}

func TestWithoutRoomOrPlaceNothingIsFetched(t *testing.T) {
	fetched := false
	s := given(t, nil)
	s.Download = func(context.Context, string, string) error { fetched = true; return nil }
	s.Free = func(string) (int64, error) { return 1 << 30, nil }
	if err := s.Install(t.Context(), version, "d"); err == nil || !strings.Contains(err.Error(), "2 GiB") {
		t.Errorf("without room: %v", err)
	}
	s.Directory = ""
	if err := s.Install(t.Context(), version, "d"); err == nil || s.Has(version) || s.KeepOnly(version) != nil {
		t.Errorf("without a place: %v", err)
	}
	if fetched {
		t.Error("it was fetched")
	}
}

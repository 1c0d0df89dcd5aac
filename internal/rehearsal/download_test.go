package rehearsal

import (
	"testing"

	"exorunner/internal/action"
	"exorunner/internal/host"
)

func thePackage() action.Artifact {
	return action.Artifact{
		Name: "ActiveSync.exe", Path: `C:\staged\ActiveSync.exe`, URLs: []string{"https://files.contoso.com/maas360/ActiveSync-3.000.100.exe"},
		SHA256: "4c3d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b",
	}
}

// downloadFault orders a fault once: it is told, and the next attempt goes through, from where the first one stood.
func downloadFault(order, id string, class host.Class, resumes bool) func(*testing.T) {
	return func(t *testing.T) {
		h := open(t, Options{Faults: []string{order + ":1"}})
		f, a := h.Fetcher(false), thePackage()
		_, err := f.Stage(t.Context(), a)
		if e := host.As(err); e == nil || e.ID != id || e.Class != class || e.Remedy == "" {
			t.Fatalf("got %+v, want %s of class %s with a remedy", e, id, class)
		}
		s, err := f.Look(t.Context(), a)
		if err != nil || s.State != "fetched" || s.Resume > 0 != resumes {
			t.Errorf("afterwards: %+v, %v; want it to resume: %v", s, err, resumes)
		}
		if _, err := f.Stage(t.Context(), a); err != nil {
			t.Errorf("again: %v", err)
		}
		if s, err := f.Look(t.Context(), a); err != nil || s.State != "staged" || s.Resume != 0 {
			t.Errorf("staged: %+v, %v", s, err)
		}
	}
}

func init() {
	faultTests["download-cut"] = downloadFault("download-cut", "FetchCut", host.Transient, true)
	faultTests["download-disk-full"] = downloadFault("download-disk-full", "FetchDiskFull", host.Never, true)
	faultTests["download-proxy"] = downloadFault("download-proxy", "FetchProxyAuth", host.Never, false)
	faultTests["download-wrong-hash"] = downloadFault("download-wrong-hash", "FetchHashMismatch", host.Never, false)
	faultTests["download-swapped"] = func(t *testing.T) {
		h := open(t, Options{Faults: []string{"download-swapped:1"}})
		f, a := h.Fetcher(false), thePackage()
		if _, err := f.Stage(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Hold(t.Context(), a); host.As(err) == nil || host.As(err).ID != "FetchSwapped" {
			t.Errorf("got %v, want FetchSwapped", err)
		}
		held, err := f.Hold(t.Context(), a)
		if err != nil {
			t.Fatalf("again: %v", err)
		}
		held.Close()
	}
}

func TestAPlanFetchesNothing(t *testing.T) {
	h := open(t, Options{})
	f := h.Fetcher(true)
	if _, err := f.Stage(t.Context(), thePackage()); err == nil {
		t.Error("a plan's fetcher staged a file")
	}
	if s, err := f.Look(t.Context(), thePackage()); err != nil || s.State != "fetched" || s.Size != 48234496 || h.Writes() != 0 {
		t.Errorf("got %+v, %v, %d writes", s, err, h.Writes())
	}
}

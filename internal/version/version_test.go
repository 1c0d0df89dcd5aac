package version

import "testing"

func TestCompare(t *testing.T) {
	for name, tt := range map[string]struct {
		a, b string
		want int
	}{
		"fields are numbers":            {"3.10.0", "3.9.2", 1},
		"zeros in front do not count":   {"3.000.100", "3.0.100", 0},
		"four fields":                   {"2.106.500.016", "3.000.100", -1},
		"a missing field is 0":          {"3.1", "3.1.0.0", 0},
		"a preview is older":            {"3.1.0-Preview2", "3.1.0", -1},
		"previews by their label":       {"3.1.0-Preview1", "3.1.0-Preview2", -1},
		"no version is older than one":  {"none", "0.0", -1},
		"two that are none are equal":   {"", "none", 0},
		"a version is newer than none":  {"1.0", "x", 1},
		"text order would be wrong":     {"2.9", "2.10", -1},
		"white space does not matter":   {" 3.1.0 ", "3.1.0", 0},
		"a negative field is no number": {"3.-1.0", "3.0.0", -1},
	} {
		if got := Compare(tt.a, tt.b); got != tt.want {
			t.Errorf("%s: Compare(%q, %q) = %d, want %d", name, tt.a, tt.b, got, tt.want)
		}
	}
}

func TestRange(t *testing.T) {
	for name, tt := range map[string]struct {
		text, version string
		want          bool
	}{
		"at least":               {">=5.1", "5.1.14393.206", true},
		"at least, below":        {">=5.1", "5.0.10586", false},
		"both ends, inside":      {">=7.2.0 <=7.3.7", "7.3.6", true},
		"both ends, above":       {">=7.2.0 <=7.3.7", "7.4.0", false},
		"apart by a comma":       {">=3.0.0,<3.5.0", "3.4.9", true},
		"a bare version is that": {"3.1.0", "3.1.0.0", true},
		"and no other":           {"3.1.0", "3.1.1", false},
		"no version is outside":  {">=0", "unknown", false},
	} {
		r, err := ParseRange(tt.text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := r.Holds(tt.version); got != tt.want {
			t.Errorf("%s: %q holds %q = %v, want %v", name, tt.text, tt.version, got, tt.want)
		}
	}
	for _, bad := range []string{"", " , ", ">=x", "1.2.3.4.5.6.7.8.9", ">= 5.1"} {
		if r, err := ParseRange(bad); err == nil {
			t.Errorf("ParseRange(%q) = %v, want an error", bad, r)
		}
	}
}

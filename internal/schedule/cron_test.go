package schedule

import (
	"strings"
	"testing"
	"time"
)

func TestCronReads(t *testing.T) {
	cases := map[string]struct{ line, after, want string }{
		"a number in each field":             {"5 4 3 2 *", "2026-01-01 00:00", "2026-02-03 04:05"},
		"names":                              {"0 0 * MAR Tue", "2026-01-01 00:00", "2026-03-03 00:00"},
		"a range of names":                   {"0 9 * * mon-fri", "2026-01-02 10:00", "2026-01-05 09:00"},
		"a range over Sunday":                {"0 9 * * fri-sun", "2026-01-03 10:00", "2026-01-04 09:00"},
		"a list":                             {"0,30 9,17 * * *", "2026-01-01 09:30", "2026-01-01 17:00"},
		"a step":                             {"*/20 * * * *", "2026-01-01 09:40", "2026-01-01 10:00"},
		"a step in a range":                  {"10-40/15 * * * *", "2026-01-01 09:25", "2026-01-01 09:40"},
		"a step from a number":               {"50/5 * * * *", "2026-01-01 09:50", "2026-01-01 09:55"},
		"Sunday is 7":                        {"0 0 * * 7", "2026-01-01 00:00", "2026-01-04 00:00"},
		"Sunday is 0":                        {"0 0 * * 0", "2026-01-01 00:00", "2026-01-04 00:00"},
		"either day where both are named":    {"0 0 13 * fri", "2026-01-09 00:00", "2026-01-13 00:00"},
		"a question mark":                    {"0 0 ? * fri", "2026-01-09 00:00", "2026-01-16 00:00"},
		"a leap day":                         {"0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00"},
		"the leap day that 2100 has not":     {"0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00"},
		"30 February or a Monday":            {"0 0 30 2 mon", "2026-02-03 00:00", "2026-02-09 00:00"},
		"31 of the months that have one":     {"0 0 31 * *", "2026-03-31 00:00", "2026-05-31 00:00"},
		"@daily":                             {"@daily", "2026-01-01 00:00", "2026-01-02 00:00"},
		"@Weekly in any case, with blanks":   {"  @Weekly ", "2026-01-01 00:00", "2026-01-04 00:00"},
		"@hourly":                            {"@hourly", "2026-01-01 00:00", "2026-01-01 01:00"},
		"@monthly":                           {"@monthly", "2026-01-01 00:00", "2026-02-01 00:00"},
		"@yearly":                            {"@yearly", "2026-01-01 00:00", "2027-01-01 00:00"},
		"seconds of the moment do not count": {"* * * * *", "2026-01-01 00:00:59", "2026-01-01 00:01"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cron, err := ParseCron(c.line, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := cron.next(utc(t, c.after)); !ok || !got.Equal(utc(t, c.want)) {
				t.Errorf("%s after %s: got %v, want %s", c.line, c.after, got, c.want)
			}
		})
	}
}

func TestCronSaysWhatIsWrongWhere(t *testing.T) {
	cases := map[string]struct{ line, want string }{
		"too few fields":          {"* * * *", `"* * * *": there are 4 fields, five are wanted: minute hour day month weekday`},
		"seconds":                 {"0 0 2 * * *", "there are 6 fields"},
		"nothing":                 {"", "there are 0 fields"},
		"an hour too many":        {"0 24 * * *", `"0 24 * * *": hour: "24" is not in 0-23`},
		"a day zero":              {"0 0 0 * *", `day of the month: "0" is not in 1-31`},
		"an unknown name":         {"0 0 * jam *", `month: "jam" is not a number or a known name`},
		"a name of another field": {"0 0 * * jan", `day of the week: "jan" is not a number`},
		"a range backwards":       {"0 0 20-10 * *", `the range "20-10" ends before it begins`},
		"a step of zero":          {"*/0 * * * *", `minute: the step in "*/0" is not in 1-59`},
		"a step past the end":     {"*/90 * * * *", "a longer interval is written every: 90m"},
		"an empty element":        {"0,,5 * * * *", `minute: "" is not a number that fits`},
		"a sign":                  {"+5 * * * *", `"+5" is not a number`},
		"a digit of another kind": {"\u0665 * * * *", "is not a number"},
		"a huge number":           {strings.Repeat("9", 1000) + " * * * *", "is not a number that fits"},
		"Quartz's last day":       {"0 0 L * *", `"l" is not a number`},
		"a macro we do not know":  {"@reboot", "only @yearly"},
		"an interval":             {"@every 90m", "an interval is written every: 90m"},
		"31 of short months":      {"0 0 31 2,4,6,9,11 *", "never: no such day"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseCron(c.line, time.UTC); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
}

// Whatever the line: no panic, no endless search, and a line that is taken has slots that grow and match it.
func FuzzParseCron(f *testing.F) {
	for _, line := range []string{"* * * * *", "*/15 0-5 1,31 feb mon-fri", "@daily", "0 0 29 2 *", "59 23 31 12 7", "0 0 30 2 sun", "?/2 * ? * ?"} {
		f.Add(line, int64(1772928000))
	}
	zone, err := time.LoadLocation("Australia/Lord_Howe")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line string, unix int64) {
		cron, err := ParseCron(line, zone)
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" || cron != nil {
				t.Fatalf("got %v with %v, want one of them", cron, err)
			}
			return
		}
		at := time.Unix(unix&(1<<33-1), 0)
		for range 3 {
			next, ok := cron.next(at)
			if !ok || !next.After(at) {
				t.Fatalf("%q after %v: got %v, %v; want a later slot", line, at, next, ok)
			}
			if again, _ := cron.next(next.Add(-time.Second)); !again.Equal(next) {
				t.Fatalf("%q a second before %v: got %v", line, next, again)
			}
			at = next
		}
	})
}

package pwsh

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"exorunner/internal/host"
)

// maxSecret is the longest SecureString, in UTF-16 units.
// https://learn.microsoft.com/dotnet/api/system.security.securestring.appendchar
const maxSecret = 65536

// request is the command line of a call, and the names of its secrets in the order in which they will be asked for.
func request(c host.Call, id int) (line string, needs []string, err error) {
	if err := checkNames(c); err != nil {
		return "", nil, err
	}
	args, err := arguments(c.Args)
	if err != nil {
		return "", nil, err
	}
	needs = slices.AppendSeq(make([]string, 0, len(c.Secrets)), maps.Keys(c.Secrets))
	slices.Sort(needs)
	body, err := json.Marshal(map[string]any{"id": id, "func": c.Func, "args": args, "secrets": needs})
	if err != nil {
		return "", nil, err
	}
	return "Invoke-ExrRequest '" + base64.StdEncoding.EncodeToString(body) + "'", needs, nil
}

// checkNames refuses what PowerShell could not tell apart, and secrets that a SecureString cannot hold.
func checkNames(c host.Call) error {
	if c.Func == "" {
		return errors.New("no function named")
	}
	parameters := make(map[string]any, len(c.Args)+len(c.Secrets))
	for name := range c.Args {
		parameters[name] = nil
	}
	for name, secret := range c.Secrets {
		if _, twice := parameters[name]; twice {
			return fmt.Errorf("%q is an argument and a secret", name)
		}
		if !utf8.Valid(secret) {
			return fmt.Errorf("secret %q is not UTF-8 text", name)
		}
		if units(string(secret)) > maxSecret {
			return fmt.Errorf("secret %q is longer than the %d characters that a SecureString holds", name, maxSecret)
		}
		parameters[name] = nil
	}
	return distinct(parameters)
}

// arguments is args as JSON has it, with "=" in front of every string, once it is sure that PowerShell can read it.
func arguments(args map[string]any) (any, error) {
	raw, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	var decoded map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&decoded); err != nil {
		return nil, err
	}
	if err := distinct(decoded); err != nil {
		return nil, err
	}
	same := func(s string) string { return s }
	return eachString(decoded, same, func(s string) string { return "=" + s }), nil
}

// distinct refuses keys that PowerShell takes for one: ConvertFrom-Json fails on the whole request then.
func distinct(v any) error {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if err := distinct(item); err != nil {
				return err
			}
		}
	case map[string]any:
		seen := make(map[string]string, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if k == "" {
				return errors.New("an argument without a name")
			}
			upper := strings.ToUpper(k)
			if other, ok := seen[upper]; ok {
				return fmt.Errorf("%q and %q differ only by case", other, k)
			}
			seen[upper] = k
			if err := distinct(v[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

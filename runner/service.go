package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"exorunner/internal/action"
	"exorunner/internal/engine"
	"exorunner/internal/secret"
)

// serviceName is the service's in Windows and in systemd.
const serviceName = "exorunner"

type installOptions struct {
	config, account, password string
}

func newService(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "service",
		Short: "The Windows service (or systemd unit): install, uninstall, start, stop, status",
		Long: "service has the system start `exorunner serve` with the machine, and start it again if it dies.\n\n" +
			"The account should be Cloud Extender's own: repositories, certificates and proxies belong to accounts. It is given the\n" +
			"right to log on as a service, and access to the state folder. A group managed service account is written with its $\n" +
			"and has no password.\n",
	}
	o := &installOptions{}
	install := &cobra.Command{
		Use: "install", Short: "Make the service known to the system; it begins with the next start of the machine, or by service start", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.installService(cmd.Context(), o) },
	}
	install.Flags().StringVar(&o.config, "config", "", "the configuration (default: exorunner.yaml in the state folder)")
	install.Flags().StringVar(&o.account, "account", "", `DOMAIN\name, or DOMAIN\name$ for a group managed account (default: LocalSystem; root)`)
	install.Flags().StringVar(&o.password, "password", "", "reference to the account's password: env:NAME, file:PATH, wincred:TARGET, dpapi:PATH")
	c.AddCommand(install)
	for _, verb := range []struct{ name, about, done string }{
		{"uninstall", "Take the service away; configuration and journal stay", "uninstalled"},
		{"start", "Start the service", "started"}, {"stop", "Stop the service; a run under way ends in order and goes on at the next start", "stopped"},
	} {
		c.AddCommand(&cobra.Command{
			Use: verb.name, Short: verb.about, Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				if err := a.control(verb.name); err != nil {
					return err
				}
				_, err := fmt.Fprintf(a.stdout, "%-12s%s\n", verb.done, serviceName)
				return err
			},
		})
	}
	config := ""
	try := &cobra.Command{
		Use: "notify", Short: "Send a test notice to every target of the configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.tryTargets(cmd.Context(), config) },
	}
	try.Flags().StringVar(&config, "config", "", "the configuration (default: exorunner.yaml in the state folder)")
	c.AddCommand(try)
	c.AddCommand(&cobra.Command{
		Use: "status", Short: "Whether the system runs the service", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.serviceStatus() },
	})
	return c
}

// installService looks at everything first: a service that cannot start is found out at three in the morning.
func (a *app) installService(ctx context.Context, o *installOptions) error {
	config, err := a.configPath(o.config)
	if err != nil {
		return err
	}
	if _, err := a.loadSite(config, true); err != nil {
		return err
	}
	password, err := o.secret(ctx)
	if err != nil {
		return err
	}
	c, err := a.serviceConfig(config, o.account, password)
	if err != nil {
		return err
	}
	s, err := service.New(nothingToDo{}, c)
	if err == nil {
		err = s.Install()
	}
	if err == nil {
		err = afterInstall()
	}
	if err != nil {
		return hinted(fail(engine.StatusFailed, fmt.Errorf("service %s: install: %w", serviceName, hidden(err, password))), "%s", asAdministrator)
	}
	dir, err := a.stateDir()
	if err != nil {
		return err
	}
	for _, w := range rights(o.account, dir) {
		fmt.Fprintf(a.stderr, "warning: %s\n", w)
	}
	fmt.Fprintf(a.stdout, "%-12s%s, as %s, with %s\n", "installed", serviceName, orDefault(o.account, "the system's own account"), config)
	fmt.Fprintf(a.stdout, "%-12sexorunner service start\n", "next")
	return nil
}

const asAdministrator = "run it as an administrator (root); exorunner service status says whether the service is there already"

// secret resolves the password, where the account has one.
func (o *installOptions) secret(ctx context.Context) (string, error) {
	switch managed := strings.HasSuffix(o.account, "$"); {
	case o.account == "" && o.password != "":
		return "", usage("--password belongs to --account")
	case managed && o.password != "":
		return "", usage("--account %s: a group managed account has no password to give", o.account)
	case o.password == "":
		return "", nil
	}
	var ref action.Secret
	if err := ref.UnmarshalText([]byte(o.password)); err != nil {
		return "", usage("--password: %w", err)
	}
	text, err := secret.Stores{}.Resolve(ctx, ref)
	if err != nil {
		return "", fail(engine.StatusUsage, err)
	}
	return string(text), nil
}

// hidden is an error without a password that the system may have repeated in it.
func hidden(err error, password string) error {
	if password == "" || !strings.Contains(err.Error(), password) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), password, secret.Hidden))
}

func orDefault(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// serviceConfig is the service as the system gets to know it. Paths are written out: a service begins in another folder.
func (a *app) serviceConfig(config, account, password string) (*service.Config, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	arguments := []string{"serve", "--config", config}
	if a.state != "" {
		state, err := filepath.Abs(a.state)
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, "--state", state)
	}
	return &service.Config{
		Name: serviceName, DisplayName: "exorunner",
		Description: "Keeps a MaaS360 Cloud Extender server on Exchange Online PowerShell V3, and proves that it works.",
		UserName:    account, Arguments: arguments, Executable: program,
		Option: service.KeyValue{
			"DelayedAutoStart": true, "Password": password,
			"OnFailure": "restart", "OnFailureDelayDuration": "1m", "OnFailureResetPeriod": 24 * 60 * 60,
			"SystemdScript": systemdUnit,
		},
	}, nil
}

// systemdUnit gives a run that is told to stop the time that it may take.
const systemdUnit = `[Unit]
Description={{Description}}
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={{Path | cmdEscape}}{{range Arguments}} {{. | cmd}}{{end}}
{{if UserName}}User={{UserName}}
{{end}}Restart=always
RestartSec=60
KillMode=mixed
TimeoutStopSec=30

[Install]
WantedBy=multi-user.target
`

// nothingToDo is what the library wants of a program that only installs.
type nothingToDo struct{}

func (nothingToDo) Start(service.Service) error { return nil }
func (nothingToDo) Stop(service.Service) error  { return nil }

func (a *app) control(verb string) error {
	s, err := service.New(nothingToDo{}, &service.Config{Name: serviceName})
	if err == nil {
		err = service.Control(s, verb)
	}
	if err != nil {
		return hinted(fail(engine.StatusFailed, fmt.Errorf("service %s: %s: %w", serviceName, verb, err)), "%s", asAdministrator)
	}
	return nil
}

// serviceStatus is 0 where the service runs and 1 where it does not.
func (a *app) serviceStatus() error {
	s, err := service.New(nothingToDo{}, &service.Config{Name: serviceName})
	if err != nil {
		return fail(engine.StatusFailed, fmt.Errorf("service %s: %w", serviceName, err))
	}
	status, err := s.Status()
	switch {
	case errors.Is(err, service.ErrNotInstalled):
		return hinted(fail(engine.StatusFailed, fmt.Errorf("service %s: not installed", serviceName)), "exorunner service install --config FILE")
	case err != nil:
		return fail(engine.StatusFailed, fmt.Errorf("service %s: %w", serviceName, err))
	case status == service.StatusRunning:
		_, err := fmt.Fprintf(a.stdout, "%-12s%s; exorunner status shows what it does\n", "running", serviceName)
		return err
	}
	return hinted(fail(engine.StatusFailed, fmt.Errorf("service %s: stopped", serviceName)), "exorunner service start")
}

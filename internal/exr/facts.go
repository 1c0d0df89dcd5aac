package exr

// Facts are what a machine says about itself. A pointer is nil where a thing does not exist there.
type Facts struct {
	PowerShell struct {
		Version      string   `json:"version" expr:"version"`
		Edition      string   `json:"edition" expr:"edition"` // Desktop, Core
		Bits         int      `json:"bits" expr:"bits"`
		Home         string   `json:"home" expr:"home"`
		LanguageMode string   `json:"languageMode" expr:"languageMode"`
		Culture      string   `json:"culture" expr:"culture"`
		UICulture    string   `json:"uiCulture" expr:"uiCulture"`
		CodePage     int      `json:"codePage" expr:"codePage"`
		ModulePath   []string `json:"modulePath" expr:"modulePath"`
	} `json:"powershell" expr:"powershell"`
	OS struct {
		Windows  bool    `json:"windows" expr:"windows"`
		Version  string  `json:"version" expr:"version"`
		Name     string  `json:"name" expr:"name"`
		Build    *string `json:"build" expr:"build"`
		Computer string  `json:"computer" expr:"computer"`
		Bits     int     `json:"bits" expr:"bits"`
		TimeZone string  `json:"timeZone" expr:"timeZone"`
	} `json:"os" expr:"os"`
	Account struct {
		Name     string `json:"name" expr:"name"`
		Domain   string `json:"domain" expr:"domain"`
		Elevated bool   `json:"elevated" expr:"elevated"`
		Profile  string `json:"profile" expr:"profile"`
		Temp     string `json:"temp" expr:"temp"`
	} `json:"account" expr:"account"`
	Policy struct {
		Effective     string `json:"effective" expr:"effective"`
		MachinePolicy string `json:"machinePolicy" expr:"machinePolicy"`
		UserPolicy    string `json:"userPolicy" expr:"userPolicy"`
		Process       string `json:"process" expr:"process"`
		CurrentUser   string `json:"currentUser" expr:"currentUser"`
		LocalMachine  string `json:"localMachine" expr:"localMachine"`
	} `json:"policy" expr:"policy"`
	TLS struct {
		Protocols      string `json:"protocols" expr:"protocols"`
		StrongCrypto64 *int   `json:"strongCrypto64" expr:"strongCrypto64"`
		StrongCrypto32 *int   `json:"strongCrypto32" expr:"strongCrypto32"`
	} `json:"tls" expr:"tls"`
	Logging struct {
		ScriptBlock   *int     `json:"scriptBlock" expr:"scriptBlock"`
		Module        *int     `json:"module" expr:"module"`
		ModuleNames   []string `json:"moduleNames" expr:"moduleNames"`
		Transcription *int     `json:"transcription" expr:"transcription"`
	} `json:"logging" expr:"logging"`
	DotNet struct {
		Release *int   `json:"release" expr:"release"`
		Version string `json:"version" expr:"version"`
	} `json:"dotnet" expr:"dotnet"`
	Packages struct {
		PowerShellGet     []string `json:"powerShellGet" expr:"powerShellGet"` // a preview has its label behind a "-"
		PackageManagement []string `json:"packageManagement" expr:"packageManagement"`
		PSResourceGet     []string `json:"psResourceGet" expr:"psResourceGet"`
	} `json:"packages" expr:"packages"`
}

package rehearsal

import (
	"regexp"
	"strings"

	"exorunner/internal/host"
)

// inJapanese gives an error the words that a Japanese Windows has for it. Ids, types and HRESULTs are the same in every
// language, with one exception: the id of an exception that was rethrown is its text. What a message names stays in it.
func inJapanese(e *host.Error) {
	rethrown := e.ID == e.Message
	if e.RootMessage == e.Message && e.Root == e.Exception {
		e.RootMessage = inWords(e.ID, e.Exception, e.Target, e.Message)
	} else {
		e.RootMessage = inWords("", e.Root, e.Target, e.RootMessage)
	}
	e.Message = inWords(e.ID, e.Exception, e.Target, e.Message)
	if rethrown {
		e.ID = e.Message
	}
}

func inWords(id, exception, target, message string) string {
	if strings.HasPrefix(id, "Exr") || speaksEnglish(exception, message) {
		return message
	}
	names := named.FindAllString(message, -1)
	if target == "" && len(names) > 0 {
		target = strings.Trim(names[0], "'")
	}
	text := strings.ReplaceAll(wordsFor(id, exception), "%", target)
	for _, name := range names {
		if !strings.Contains(text, name) {
			text += " " + name
		}
	}
	return text
}

// named is what a message names, and no translator touches: values in quotes, switches, numbers of Windows and of HTTP.
var named = regexp.MustCompile(`'[^']+'|https?://[^'" ]+[^'" .]|\B-[A-Z][A-Za-z]+|0x[0-9a-f]+|\([0-9]{3}\)`)

// speaksEnglish says whether neither Windows, .NET nor PowerShell said it: Exchange Online, its module and the library
// that signs in have one language.
func speaksEnglish(exception, text string) bool {
	if strings.HasPrefix(exception, "Microsoft.Identity.Client.") || strings.HasPrefix(exception, "Microsoft.OData.") {
		return true
	}
	for _, mark := range []string{"AADSTS", "|", "HttpStatusCode=", "IDX", "Module could not be correctly formed", "Error to log cannot be", "Unexpected character encountered", "A configuration issue is preventing", "UnAuthorized", "stand-in:", "The role assigned to application"} {
		if strings.Contains(text, mark) {
			return true
		}
	}
	return false
}

// japanese is by the beginning of an id, or by an exception's type.
var japanese = []struct{ mark, text string }{
	{"AccessDenied,PSSessionOpenFailed", "リモート サーバー outlook.office365.com への接続に失敗し、次のエラー メッセージが返されました: アクセスが拒否されました。"},
	{"CommandNotFoundException", "用語 '%' は、コマンドレット、関数、スクリプト ファイル、または操作可能なプログラムの名前として認識されません。"},
	{"NamedParameterNotFound", "パラメーター名 '%' に一致するパラメーターが見つかりません。"},
	{"MissingMandatoryParameter", "1 つ以上の必須パラメーターが指定されていないため、コマンドを処理できません。"},
	{"CouldNotInstallNuGetProvider", "NuGet ベースのリポジトリを操作するには、NuGet プロバイダーが必要です。"},
	{"NoMatchFound", "指定された検索条件に一致するものが見つかりませんでした。"},
	{"SourceNotFound", "リポジトリ '%' が見つかりません。"},
	{"Modules_Module", "モジュール '%' が読み込まれませんでした。モジュール ディレクトリに有効なモジュール ファイルが見つかりませんでした。"},
	{"PathNotFound", "パス '%' が存在しないため検出できません。"},
	{"System.UnauthorizedAccessException", "パス '%' へのアクセスが拒否されました。"},
	{"System.IO.IOException", "ディスクに十分な空き領域がありません。"},
	{"System.Net.Http.HttpRequestException", "この要求の送信中にエラーが発生しました。"},
	{"System.Security.Cryptography.CryptographicException", "キーセットがありません。"},
	{"System.Management.Automation.PSInvalidOperationException", "Windows PowerShell は非対話モードです。読み取りおよびプロンプト機能を使用できません。"},
}

func wordsFor(id, exception string) string {
	for _, one := range japanese {
		if strings.HasPrefix(id, one.mark) || exception == one.mark {
			return one.text
		}
	}
	return "操作を完了できませんでした。"
}

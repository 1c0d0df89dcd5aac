package rehearsal

import (
	"strings"

	"exorunner/internal/host"
)

// inJapanese gives an error the words that a Japanese Windows has for it. Ids, types and HRESULTs are the same in every
// language, with one exception: the id of an exception that was rethrown is its text.
func inJapanese(e *host.Error) {
	if !translated(e) {
		return
	}
	text := japaneseFor(e)
	if e.ID == e.Message {
		e.ID = text
	}
	if e.RootMessage == e.Message || !speaksEnglish(e.RootMessage) {
		e.RootMessage = text
	}
	e.Message = text
}

// translated says whether Windows, .NET or PowerShell said it. Our own functions, the service and Microsoft's module
// speak English everywhere.
func translated(e *host.Error) bool {
	return !strings.HasPrefix(e.ID, "Exr") && !speaksEnglish(e.Message)
}

func speaksEnglish(text string) bool {
	for _, mark := range []string{"AADSTS", "|", "Module could not be correctly formed", "Error to log cannot be", "Unexpected character encountered", "A configuration issue is preventing", "UnAuthorized", "stand-in:"} {
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

func japaneseFor(e *host.Error) string {
	for _, one := range japanese {
		if strings.HasPrefix(e.ID, one.mark) || e.Exception == one.mark {
			return strings.ReplaceAll(one.text, "%", e.Target)
		}
	}
	return "操作を完了できませんでした。"
}

#!/bin/sh
# Makes the fixtures beside it. Needs go, openssl, osslsigncode and wixl (Debian: openssl osslsigncode wixl).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

certificate() { # file, organization, extended key usage
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.pem" -days 36500 \
		-subj "/O=$2/CN=$2 Code Signing" -addext "extendedKeyUsage=$3" 2>/dev/null
}
sign() { # certificate, in, out, further options
	cert=$1 in=$2 out=$3
	shift 3
	osslsigncode sign -certs "$cert.pem" -key "$cert.key" -h sha256 "$@" -in "$in" -out "$out" >/dev/null
}
certificate example "Example Publisher" codeSigning
certificate other "Another Publisher" codeSigning
certificate server "Example Publisher" serverAuth

go run "$here/mkpe.go" 24.8.0.1 unsigned.exe
sign example unsigned.exe signed.exe
sign other unsigned.exe other.exe
sign server unsigned.exe server.exe

cat >package.wxs <<'WXS'
<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
  <Product Id="*" Name="Example" Language="1033" Version="3.0.100" Manufacturer="Example" UpgradeCode="0d9c7a1e-6f52-4a55-9d1c-1d4a2f6f7a11">
    <Package InstallerVersion="200" Compressed="yes"/>
    <Media Id="1" Cabinet="a.cab" EmbedCab="yes"/>
    <Directory Id="TARGETDIR" Name="SourceDir"><Component Id="C" Guid="6a2b4d3c-0f3b-4c0e-8f53-6f6b3a7c9e21"><File Id="F" Source="unsigned.exe"/></Component></Directory>
    <Feature Id="A"><ComponentRef Id="C"/></Feature>
  </Product>
</Wix>
WXS
wixl -o unsigned.msi package.wxs
sign example unsigned.msi plain.msi
sign example unsigned.msi signed.msi -add-msi-dse
cp unsigned.exe signed.exe other.exe server.exe unsigned.msi plain.msi signed.msi "$here"

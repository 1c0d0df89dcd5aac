package failure

import "exorunner/internal/host"

const entraDocs = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes"

const (
	secondFactor = "A second factor is demanded, which nobody can give here. " + useCertificate
	askNoMore    = " Do not try again before that: each try counts towards the lock."
	appCertCheck = "Register the certificate's public part with the application in Entra (Certificates & secrets), and compare its thumbprint with certificate_thumbprint."
	serviceFault = "The sign-in service is out of order for the moment. If it goes on for hours, look at the Microsoft 365 service health page."
)

// signInRules are the answers of the sign-in service, by code. Their numbers are the same in every language.
var signInRules = append([]Rule{
	{ID: "C12", Class: host.Never, Source: entraDocs, Remedy: secondFactor, any: []pattern{
		{Code: "50072"}, {Code: "50074"}, {Code: "50076"}, {Code: "50078"}, {Code: "50079"}, {Code: "50158"}}},
	code("50126", host.Never, "User name or password is wrong: correct user, or the secret behind password."+askNoMore),
	code("50056", host.Never, "The account has no password in Entra: correct user, or the secret behind password."+askNoMore),
	code("50053", host.Never, "The account is locked, or this server's address is blocked: unlock the account and see the sign-in log in Entra for the reason."+askNoMore),
	code("50055", host.Never, "The password has expired: set a new one, and store it where password points."),
	code("50144", host.Never, "The password has expired in Active Directory: set a new one, and store it where password points."),
	code("50034", host.Never, "There is no such account in this tenant: correct user."),
	code("50020", host.Never, "The account belongs to another tenant: correct user or organization."),
	code("50057", host.Never, "The account is disabled: enable it in Entra or Active Directory."),
	code("50105", host.Never, "The account is not assigned to the application: assign it in Entra under Enterprise applications."),
	code("50131", host.Never, "Conditional access refuses this sign-in: exempt this account or application, or this server's address, in the policy that the sign-in log names."),
	code("53000", host.Never, "Conditional access wants a compliant device: exempt this account or application in the policy that the sign-in log names. "+useCertificate),
	code("53001", host.Never, "Conditional access wants a domain-joined device: exempt this account or application in the policy that the sign-in log names. "+useCertificate),
	code("53003", host.Never, "Conditional access blocks this sign-in: exempt this account or application, or this server's address, in the policy that the sign-in log names."),
	code("530035", host.Never, "Security defaults block this sign-in. "+useCertificate),
	code("50001", host.Never, "Exchange Online is not known as a resource in this tenant: look whether organization is right and whether the tenant has Exchange Online."),
	code("500011", host.Never, "Exchange Online is not known in this tenant: look whether organization is right and whether the tenant has Exchange Online."),
	code("65001", host.Never, "Nobody consented to the application: grant it Exchange.ManageAsApp with an administrator's consent in Entra."),
	code("650056", host.Never, "The application lacks a permission or its consent: grant it Exchange.ManageAsApp with an administrator's consent in Entra."),
	code("70001", host.Never, "The application is disabled: enable it in Entra under Enterprise applications."),
	code("7000112", host.Never, "The application is disabled: enable it in Entra under Enterprise applications."),
	code("700016", host.Never, "The tenant does not know the application: compare app_id and organization with the app registration in Entra."),
	code("700011", host.Never, "The tenant does not know the application: compare app_id and organization with the app registration in Entra."),
	code("700024", host.Never, "The signed request is outside of its time: set this server's clock and time zone right."),
	code("700027", host.Never, "The application does not know this certificate. "+appCertCheck),
	code("700030", host.Never, "The certificate's name is not allowed for the application. "+appCertCheck),
	code("50012", host.Never, "The certificate was not accepted. "+appCertCheck),
	code("7000215", host.Never, "The application's secret is wrong. "+useCertificate),
	code("7000222", host.Never, "The application's secret or certificate has expired: register a new one with it in Entra."),
	code("90002", host.Never, "There is no such tenant: organization must be the primary onmicrosoft.com domain, and environment the cloud that it is in."),
	code("90038", host.Never, "The tenant is in another cloud: set environment."),
	code("90072", host.Never, "The account does not exist in this tenant: correct user or organization."),
	code("50033", host.Transient, serviceFault),
	code("90006", host.Transient, serviceFault),
	code("90012", host.Transient, serviceFault),
	code("90024", host.Transient, serviceFault),
	code("90033", host.Transient, serviceFault),
	code("90055", host.Transient, "The tenant asks the sign-in service too often: spread the runs of several servers, and wait longer between attempts (retry)."),
	code("50196", host.Transient, "Something asks for the same token again and again, and the sign-in service refuses it for a while: wait longer between attempts (retry), and look what else on this server signs in with this application."),
}, Rule{ID: "AADSTS", Class: host.Never, Source: entraDocs, any: []pattern{{Code: "*"}},
	Remedy: "The sign-in service refuses: look its code up at https://login.microsoftonline.com/error and see the sign-in log in Entra."})

func code(number string, class host.Class, remedy string) Rule {
	return Rule{ID: "AADSTS" + number, Class: class, Remedy: remedy, Source: entraDocs, any: []pattern{{Code: number}}}
}

import CartableFFI
import Foundation
import Testing

/// A domain's SRV records, as the platform would look them up.
private final class Records: ServiceResolver, @unchecked Sendable {
    private let known: [String: ServiceRecord]
    private let lock = NSLock()
    private var names: [String] = []

    init(_ known: [String: ServiceRecord] = [:]) { self.known = known }

    var asked: [String] { lock.withLock { names } }

    func lookUp(name: String) throws -> [ServiceRecord] {
        lock.withLock { names.append(name) }
        if known.isEmpty { throw ServiceResolverError.Unavailable(reason: "on purpose") }
        return known[name].map { [$0] } ?? []
    }
}

extension CartableTests {
    @Suite(.serialized) final class SettingsTests {
        private let phone = Phone()
        /// The domain has no web server.
        private let moved = ["autoconfig.lycee.example": "127.0.0.68", "lycee.example": "127.0.0.68"]

        private func refused(_ call: () async throws -> Void) async -> Told? {
            if case .Refused(let told) = await failure(of: call) { told } else { nil }
        }

        @Test("the settings of an academy are known without asking anybody, and a look-alike is refused")
        func known() async throws {
            let records = Records()
            let cartable = try await phone.open(services: records)
            let proposal = try await cartable.findMailSettings(addressOrHost: "Jdupont@Academie.test")
            #expect(proposal.domain == "academie.test" && proposal.academy == academyId && proposal.choices.count == 1)
            let choice = proposal.choices[0]
            #expect(choice.source == .profile(generation: .legacy))
            #expect(choice.hosts == ["imap.academie.test", "smtp.academie.test"])
            #expect(choice.missing.isEmpty && choice.warnings.isEmpty)
            #expect(choice.form.imap.port == academy.port("imap") && choice.form.login == .identifier)

            let trap = await refused { _ = try await cartable.findMailSettings(addressOrHost: "jeanne.dupont@ac-nancy-rnetz.fr") }
            #expect(trap?.key == "look-alike" && trap!.what.contains("« ac-nancy-metz.fr »"))
            let slip = await refused { _ = try await cartable.findMailSettings(addressOrHost: "jeanne") }
            #expect(slip?.key == "not-an-address")
            #expect(records.asked == [])

            try await cartable.confirmMailSettings(form: choice.form)
            #expect(cartable.academy()?.id == academyId)
            try await cartable.shutdown()
        }

        @Test("a phone lends its look-up, and the teacher confirms what it found")
        func found() async throws {
            let records = Records([
                "_imaps._tcp.lycee.example": ServiceRecord(priority: 0, weight: 1, port: 993, target: "imap.lycee.example."),
                "_submission._tcp.lycee.example": ServiceRecord(
                    priority: 0, weight: 1, port: 587, target: "smtp.ailleurs.example"),
            ])
            let cartable = try await phone.open(moved: moved, services: records)
            let proposal = try await cartable.findMailSettings(addressOrHost: "j.dupont@lycee.example")
            #expect(proposal.academy == nil && proposal.choices.count == 1)
            let choice = proposal.choices[0]
            #expect(choice.source == .records && records.asked.count == 4)
            #expect(choice.form.imap == ServerForm(host: "imap.lycee.example", port: 993, tls: .implicit))
            #expect(choice.warnings.map(\.told.key) == ["other-domain", "late-tls"])
            #expect(choice.warnings.map(\.host) == ["smtp.ailleurs.example", "smtp.ailleurs.example"])

            func form(port: UInt16?) -> SettingsForm {
                let smtp = ServerForm(host: "smtp.lycee.example", port: port, tls: .implicit)
                let form = choice.form
                return SettingsForm(domain: form.domain, imap: form.imap, smtp: smtp, login: form.login, auth: form.auth)
            }
            #expect(cartable.mailSettingsMissing(form: form(port: nil)) == [.smtpPort])
            #expect(cartable.mailSettingsWarnings(form: form(port: nil)).isEmpty)
            let missing = await refused { try await cartable.confirmMailSettings(form: form(port: nil)) }
            #expect(missing?.key == "setting-missing")
            try await cartable.confirmMailSettings(form: form(port: 465))
            #expect(cartable.academy()?.name == "lycee.example" && cartable.academy()?.wayIn == .unknown)
            try await cartable.shutdown()
        }

        @Test("a look-up that fails leaves a form to fill in, and says that nobody was reached")
        func failed() async throws {
            let records = Records()
            let cartable = try await phone.open(moved: moved, services: records)
            let choice = try await cartable.findMailSettings(addressOrHost: "j.dupont@lycee.example").choices[0]
            #expect(choice.source == .hand)
            #expect(choice.missing == [.imapHost, .smtpHost, .login])
            #expect(choice.warnings.map(\.told.key) == ["not-searched"])
            #expect(records.asked.count == 4)
            try await cartable.shutdown()
        }

        @Test("at an academy of no profile the mail servers say who it is")
        func own() async throws {
            let records = Records([
                "_imaps._tcp.academie.test": ServiceRecord(
                    priority: 0, weight: 1, port: academy.port("imap"), target: "imap.academie.test"),
                "_submissions._tcp.academie.test": ServiceRecord(
                    priority: 0, weight: 1, port: academy.port("smtp"), target: "smtp.academie.test"),
            ])
            let moved = ["autoconfig.academie.test": "127.0.0.68", "academie.test": "127.0.0.68"]
            let cartable = try await phone.open(moved: moved, known: false, services: records)
            #expect(cartable.academies(query: "essai") == [])
            let choice = try await cartable.findMailSettings(addressOrHost: "jdupont@academie.test").choices[0]
            #expect(choice.missing.isEmpty && choice.warnings.isEmpty)
            let form = SettingsForm(
                domain: choice.form.domain, imap: choice.form.imap, smtp: choice.form.smtp, login: .identifier,
                auth: choice.form.auth)
            try await cartable.confirmMailSettings(form: form)
            let own = cartable.academy()!
            var state = try await cartable.beginSignIn(academy: own.id)
            #expect(state == .introduction(identifier: nil, address: nil, domains: own.mailDomains, notice: nil))
            state = try await cartable.introduce(identifier: "jdupont", address: "jdupont@academie.test")
            guard case .signedIn = state else {
                Issue.record("\(state)")
                return
            }
            try await cartable.setMailPassword(password: "Secret-1234")
            try await sync(cartable)
            #expect(try await !cartable.mailboxes().isEmpty)
            try await cartable.shutdown()
        }
    }
}

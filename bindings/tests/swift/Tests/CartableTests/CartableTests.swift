import CartableFFI
import Foundation
import Testing

private final class Progress: SyncListener, @unchecked Sendable {
    private let lock = NSLock()
    private var steps: [(UInt64, UInt64)] = []
    private var reports: [SyncReport] = []

    var last: (UInt64, UInt64)? { lock.withLock { steps.last } }
    var report: SyncReport? { lock.withLock { reports.first } }

    func onProgress(done: UInt64, expected: UInt64) throws { lock.withLock { steps.append((done, expected)) } }
    func onReport(report: SyncReport) throws { lock.withLock { reports.append(report) } }
}

@Suite(.serialized) final class CartableTests {
    private let phone = Phone()

    @Test("a teacher signs in, reads, answers and is told what changes")
    func morning() async throws {
        try await academy.deliver(to: "jdupont", subject: "Conseil de classe", text: "Mardi à 17 h, salle 12.")
        let secrets = Keystore()
        var cartable = try await phone.open(secrets)
        #expect(cartable.academies(query: "essai").contains { $0.id == academyId && $0.host == "auth.academie.test" })
        #expect(cartable.signInState() == .signedOut)
        try await signIn(cartable, "jdupont")
        #expect(cartable.account()?.name == "Jeanne Dupont")
        #expect(try await cartable.signOutPage()!.hasPrefix("https://auth.academie.test:"))
        #expect(secrets.keys.contains("session/\(academyId)"))

        let changes = Changes()
        let listening = try cartable.listen(listener: changes)
        let progress = Progress()
        try await sync(cartable, progress)
        #expect(progress.report!.arrived >= 1)
        #expect(progress.last!.0 == progress.last!.1)
        var told = changes.told.makeAsyncIterator()
        while let change = await told.next() {
            if case .messages = change { break }
        }

        let inbox = try await cartable.mailboxes().first { $0.role == .inbox }!
        #expect(inbox.complete && inbox.known >= 1)
        let rows = try await cartable.messages(mailbox: inbox.id, behind: nil, limit: 50)
        let row = rows.first { $0.subject == "Conseil de classe" }!
        #expect(!row.read)
        let message = try await cartable.openMessage(message: row.id)
        #expect(message.text.trimmingCharacters(in: .whitespacesAndNewlines) == "Mardi à 17 h, salle 12.")
        #expect(message.html == nil)

        _ = try await cartable.setRead(messages: [row.id], read: true)
        _ = try await cartable.setFlagged(messages: [row.id], flagged: true)
        while let change = await told.next() {
            if change == .messages(mailbox: inbox.id) { break }
        }
        _ = try await cartable.reply(message: row.id, text: "J’y serai.", all: false)
        let refused = await failure { try await cartable.signOut(discardUnsent: false) }
        guard case .Refused(let words) = refused else {
            Issue.record("\(String(describing: refused))")
            return
        }
        #expect(words.key == "unsent" && words.what == "Un message n’est pas encore parti.")
        #expect(try await cartable.sendWaiting() == 1)
        #expect(try await cartable.outbox().first?.state == .filed)
        try await cartable.undo(call: try await cartable.delete(messages: [row.id]))
        #expect(try await cartable.syncOnce(deadlineMs: 20_000).report?.acted == 3)
        #expect(try await academy.subjects(teacher: "jdupont", mailbox: "Sent").contains("Re: Conseil de classe"))

        #expect(!listening.isFinished())
        listening.cancel()
        #expect(key(await failure { try await listening.finished() }) == "cancelled")
        #expect(listening.isFinished())
        try await cartable.suspend()
        try await cartable.shutdown()

        // Another start finds everything.
        cartable = try await phone.open(secrets)
        guard case .signedIn = cartable.signInState() else {
            Issue.record("\(cartable.signInState())")
            return
        }
        #expect(try await cartable.mailboxes().contains { $0.role == .inbox && $0.known >= 1 })
        try await cartable.signOut(discardUnsent: false)
        #expect(cartable.account() == nil)
        #expect(secrets.keys.isSubset(of: ["ledger/device"]))
    }

    @Test("a long call is cancelled and says so")
    func cancelled() async throws {
        let hole = BlackHole(address: "127.0.0.63", port: academy.port("imap"))
        defer { withExtendedLifetime(hole) {} }
        let cartable = try await phone.open(moved: ["imap.academie.test": "127.0.0.63"])
        try await signIn(cartable, "lreset")
        var task = try cartable.sync(listener: nil)
        try await Task.sleep(for: .milliseconds(300))
        #expect(!task.isFinished())
        task.cancel()
        task.cancel()
        #expect(key(await failure { try await task.finished() }) == "cancelled")
        #expect(task.isFinished())

        // A task that no longer waits does not end the work; the sleep of the phone does.
        task = try cartable.sync(listener: nil)
        let waiting = Task { [task] in try await task.finished() }
        try await Task.sleep(for: .milliseconds(100))
        waiting.cancel()
        #expect(!task.isFinished())
        try await cartable.suspend()
        #expect(key(await failure { try await task.finished() }) == "cancelled")

        // The end of the app ends every task, and what is called later.
        task = try cartable.sync(listener: nil)
        try await cartable.shutdown()
        #expect(key(await failure { try await task.finished() }) == "cancelled")
        #expect(key(await failure { _ = try await cartable.mailboxes() }) == "cancelled")
    }

    @Test("each class of error says what the shell does next")
    func errors() async throws {
        let secrets = Keystore()
        let cartable = try await phone.open(secrets, moved: ["smtp.academie.test": "127.0.0.64"])
        guard case .SignInAgain(let nobody) = await failure(of: { _ = try await cartable.mailboxes() }) else {
            Issue.record("somebody")
            return
        }
        #expect(nobody.what == "Votre session est terminée.")
        guard case .failed(let forged, let tryAgain) =
            try await cartable.browserReturned(url: "fr.academie.mobile:/oauth2redirect?code=x&state=y")
        else {
            Issue.record("not failed")
            return
        }
        #expect(forged.key == "not-ours" && !tryAgain)
        #expect(key(await failure { _ = try await cartable.beginSignIn(academy: "atlantide") }) == "gone")

        try await academy.deliver(to: "jdupont", subject: "Sortie", text: "Jeudi")
        try await signIn(cartable, "jdupont")
        try await sync(cartable)
        guard case .NotFound = await failure(of: { _ = try await cartable.openMessage(message: 999_999) }) else {
            Issue.record("found")
            return
        }
        let inbox = try await cartable.mailboxes().first { $0.role == .inbox }!
        let row = try await cartable.messages(mailbox: inbox.id, behind: nil, limit: 1).first!
        _ = try await cartable.reply(message: row.id, text: "Entendu.", all: false)
        guard case .CheckConnection(let down) = await failure(of: { _ = try await cartable.sendWaiting() }) else {
            Issue.record("sent")
            return
        }
        #expect(down.key == "unreachable")
        #expect(try await cartable.outbox().first?.state == .waiting)

        secrets.fail(with: SecretStoreError.Locked)
        guard case .SecretsLocked(let locked) = await failure(of: { try await cartable.setMailPassword(password: "secret") })
        else {
            Issue.record("not locked")
            return
        }
        #expect(locked.key == "secrets-locked")
        secrets.fail(with: nil)
        try await cartable.signOut(discardUnsent: true)
        try await cartable.shutdown()

        guard case .Bug = await failure(of: { _ = try await phone.open(profile: "format = 1") }) else {
            Issue.record("no bug")
            return
        }

        try Data(repeating: 65, count: 20_000).write(to: phone.folder.appendingPathComponent("cartable.db"))
        guard case .StorageDamaged = await failure(of: { _ = try await phone.open() }) else {
            Issue.record("not damaged")
            return
        }
        #expect(try !rebuildStorage(folder: phone.folder.path, language: "fr").whole)
        _ = try await phone.open()
    }

    @Test("two teachers share a phone, and the same one is there once")
    func accounts() async throws {
        let (phone, secrets) = (Phone(), Keystore())
        let setup = academy.setup(folder: phone.folder.path, profiles: [academy.profile], moved: [:])
        var accounts = try await Accounts.open(setup: setup, secrets: secrets)
        #expect(try await accounts.list().isEmpty)
        let (jeanne, lea) = (try await accounts.add(), try await accounts.add())
        try await signIn(accounts.cartable(account: jeanne), "jdupont")
        try await signIn(accounts.cartable(account: lea), "lreset")
        let again = try await accounts.add()
        let third = try await accounts.cartable(account: again)
        guard case .browser(let url, _, _, _) = try await third.beginSignIn(academy: academyId) else {
            Issue.record("no browser")
            return
        }
        let back = try await academy.browser(url, teacher: "jdupont")
        #expect(key(await failure(of: { _ = try await third.browserReturned(url: back) })) == "already-here")
        try await accounts.remove(account: again, discardUnsent: false)
        #expect(try await accounts.list().map { $0.who?.identifier } == ["jdupont", "lreset"])
        let synced = try await accounts.syncOnce(deadlineMs: 30_000)
        #expect(synced.count == 2 && synced.allSatisfy { $0.trouble == nil && $0.done?.report != nil })
        try await accounts.suspend()
        try await accounts.remove(account: jeanne, discardUnsent: false)
        try await accounts.shutdown()

        let database = phone.folder.appendingPathComponent("accounts/2/cartable.db")
        try Data(repeating: 65, count: 20_000).write(to: database)
        accounts = try await Accounts.open(setup: setup, secrets: secrets)
        let damaged = try #require(try await accounts.list().first)
        #expect(damaged.trouble?.key == "storage-damaged")
        #expect(try await !accounts.rebuild(account: damaged.id).whole)
        _ = try await accounts.cartable(account: damaged.id)
        try await accounts.shutdown()
    }

    @Test("a wrong mail password is sent once, and a third one not before its time")
    func wrongPassword() async throws {
        let auth = academy.profile.split(separator: "\n").first { $0.hasPrefix("auth = [") }!
        let byPassword = academy.profile.replacingOccurrences(of: auth, with: "auth = [\"password\"]")
        let cartable = try await phone.open(profile: byPassword)
        try await signIn(cartable, "lreset")
        #expect(key(await failure { try await sync(cartable) }) == "password-needed")
        func refused(_ password: String) async -> String? {
            key(await failure { try await cartable.setMailPassword(password: password) })
        }
        #expect(await refused("faux-1") == "password-wrong")
        // It is not kept, so nothing sends it again.
        #expect(key(await failure { try await sync(cartable) }) == "password-needed")
        #expect(await refused("faux-1") == "password-wrong")
        #expect(await refused("faux-2") == "password-wrong")
        guard case .WaitUntil(let untilMs, let locked, let told) = await failure(of: { try await cartable.setMailPassword(password: "faux-3") })
        else {
            Issue.record("tried")
            return
        }
        #expect(untilMs > nowMs() && !locked && told.what.hasPrefix("Encore "))
        try await cartable.shutdown()
    }
}

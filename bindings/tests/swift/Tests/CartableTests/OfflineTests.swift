import CartableFFI
import Foundation
import Testing

private final class Touch: TouchListener, @unchecked Sendable {
    private let lock = NSLock()
    private var states: [InTouch] = []

    func onState(state: InTouch) throws { lock.withLock { states.append(state) } }

    /// The first that has not been asked for.
    private func next() -> InTouch? { lock.withLock { states.isEmpty ? nil : states.removeFirst() } }

    func state(_ wanted: (InTouch) -> Bool) async throws -> InTouch {
        try await eventually {
            while let state = self.next() {
                if wanted(state) { return state }
            }
            return nil
        }
    }
}

private final class Transfer: OpenListener, SaveListener, @unchecked Sendable {
    private let lock = NSLock()
    private var steps: [(UInt64, UInt64)] = []
    private var messages: [MessageView] = []
    private var files: [SavedFile] = []

    var last: (UInt64, UInt64)? { lock.withLock { steps.last } }
    var message: MessageView? { lock.withLock { messages.first } }
    var file: SavedFile? { lock.withLock { files.first } }

    func onProgress(done: UInt64, total: UInt64) throws { lock.withLock { steps.append((done, total)) } }
    func onOpened(message: MessageView) throws { lock.withLock { messages.append(message) } }
    func onSaved(file: SavedFile) throws { lock.withLock { files.append(file) } }
}

@Suite(.serialized) final class OfflineTests {
    private let phone = Phone()

    private func mailbox(_ cartable: Cartable, _ name: String) async throws -> Mailbox {
        try #require(try await cartable.mailboxes().first { $0.name == name })
    }

    private func inbox(_ cartable: Cartable) async throws -> Int64 {
        try #require(try await cartable.mailboxes().first { $0.role == .inbox }).id
    }

    private func shown(_ cartable: Cartable, _ mailbox: Int64) async throws -> [String] {
        let rows = try await cartable.messages(mailbox: mailbox, behind: nil, limit: 200)
        return rows.map(\.subject).filter { $0.hasPrefix("Hors ligne") }.sorted()
    }

    @Test("what was done without network is done when it is back, and another client sees it")
    func offline() async throws {
        for number in 1...6 {
            try await academy.deliver(to: "jdupont", subject: "Hors ligne \(number)", text: "Bonjour")
        }
        try await academy.otherClient("jdupont", "CREATE Brouillons-6e")
        let secrets = Keystore()
        var cartable = try await phone.open(secrets)
        try await signIn(cartable, "jdupont")
        try await sync(cartable)
        try await cartable.shutdown()
        try await academy.otherClient("jdupont", "CREATE Classeur")

        cartable = try await phone.open(secrets, moved: ["imap.academie.test": "127.0.0.66"])
        let before = try await act(cartable)
        try await cartable.shutdown()

        cartable = try await phone.open(secrets)
        let (changes, touch) = (Changes(), Touch())
        _ = try cartable.listen(listener: changes)
        cartable.setLink(link: .offline)
        let task = try cartable.stayInTouch(listener: touch)
        _ = try await touch.state { $0 == .offline }
        cartable.setLink(link: .unmetered)
        _ = try await touch.state { if case .upToDate = $0 { true } else { false } }
        let trips = try await mailbox(cartable, "Sorties")
        #expect(trips.subscribed && trips.delimiter == "/")
        #expect(try await shown(cartable, inbox(cartable)) == before["INBOX"])
        for name in ["INBOX", "Sorties", "Sorties/Juin", "Archive", "Junk", "Trash"] {
            let server = try await academy.subjects(teacher: "jdupont", mailbox: name)
            #expect(server.filter { $0.hasPrefix("Hors") }.sorted() == before[name] ?? [], "\(name)")
        }
        func isFound(_ search: String) async throws -> Bool {
            let said = try await academy.otherClient("jdupont", "SELECT INBOX", "SEARCH HEADER SUBJECT \(search)")
            return said.last!.hasPrefix("* SEARCH ")
        }
        #expect(try await isFound("\"Hors ligne 1\" SEEN FLAGGED ANSWERED UNKEYWORD $Forwarded"))
        #expect(try await isFound("\"Hors ligne 2\" SEEN UNFLAGGED KEYWORD $Forwarded"))
        #expect(try await isFound("\"Hors ligne 6\" UNSEEN"))

        var told = changes.told.makeAsyncIterator()
        while let change = await told.next() {
            if change == .refusals { break }
        }
        let refusals = try await cartable.refusals()
        let refusal = try #require(refusals.first)
        #expect(refusals.count == 1 && refusal.action == .renameMailbox && refusal.told.key == "mailbox-exists")
        #expect(refusal.told.what == "Une boîte porte déjà ce nom.")
        #expect(try await Set(cartable.mailboxes().map(\.name)).isSuperset(of: ["Brouillons-6e", "Classeur"]))
        try await cartable.forgetRefusals(upTo: refusal.id)
        #expect(try await cartable.refusals().isEmpty)

        try await academy.deliver(to: "jdupont", subject: "Hors ligne plus jamais", text: "Bonjour")
        _ = try await eventually {
            try await shown(cartable, inbox(cartable)).first { $0 == "Hors ligne plus jamais" }
        }
        while let change = await told.next() {
            if case .messages = change { break }
        }
        cartable.networkChanged()
        #expect(!task.isFinished())
        try await cartable.suspend()
        #expect(key(await failure { try await task.finished() }) == "cancelled")
        try await cartable.shutdown()
    }

    /// What a teacher does without network; gives what is shown then.
    private func act(_ cartable: Cartable) async throws -> [String: [String]] {
        let inbox = try await inbox(cartable)
        let rows = try await cartable.messages(mailbox: inbox, behind: nil, limit: 200)
        func id(_ number: Int) -> [Int64] { [rows.first { $0.subject == "Hors ligne \(number)" }!.id] }
        _ = try await cartable.setRead(messages: id(1) + id(2), read: true)
        _ = try await cartable.setFlagged(messages: id(1), flagged: true)
        _ = try await cartable.setAnswered(messages: id(1), answered: true)
        _ = try await cartable.setForwarded(messages: id(2), forwarded: true)
        let trips = try await cartable.createMailbox(parent: nil, name: "Sorties").mailbox
        let june = try await cartable.createMailbox(parent: trips, name: "Juin").mailbox
        _ = try await cartable.moveTo(messages: id(3), mailbox: june)
        _ = try await cartable.copyTo(messages: id(2), mailbox: trips)
        _ = try await cartable.markAllRead(mailbox: june)
        _ = try await cartable.subscribe(mailbox: trips, subscribed: true)
        _ = try await cartable.archive(messages: id(4))
        _ = try await cartable.junk(messages: id(5))
        let deleted = try await cartable.delete(messages: id(6))
        #expect(try await !shown(cartable, inbox).contains("Hors ligne 6"))
        try await cartable.undo(call: deleted)
        let drafts = try await mailbox(cartable, "Brouillons-6e").id
        _ = try await cartable.renameMailbox(mailbox: drafts, parent: nil, name: "Classeur")
        #expect(key(await failure { _ = try await cartable.delete(messages: [999_999]) }) == "gone")
        let taken = await failure { _ = try await cartable.createMailbox(parent: nil, name: "Sorties") }
        #expect(key(taken) == "mailbox-exists")
        let inboxStays = await failure {
            _ = try await cartable.renameMailbox(mailbox: inbox, parent: nil, name: "Autre")
        }
        #expect(key(inboxStays) == "mailbox-protected")
        #expect(key(await failure { try await sync(cartable) }) == "unreachable")
        let touch = Touch()
        let task = try cartable.stayInTouch(listener: touch)
        if case .waiting(let untilMs, let told) = try await touch.state({ if case .waiting = $0 { true } else { false } }) {
            #expect(told.key == "unreachable" && untilMs > nowMs() - 20_000)
        }
        task.cancel()
        #expect(key(await failure { try await task.finished() }) == "cancelled")
        var all: [String: [String]] = [:]
        for mailbox in try await cartable.mailboxes() { all[mailbox.name] = try await shown(cartable, mailbox.id) }
        #expect(all["INBOX"] == [1, 2, 6].map { "Hors ligne \($0)" })
        #expect(all["Sorties/Juin"] == ["Hors ligne 3"] && all["Sorties"] == ["Hors ligne 2"])
        #expect(all["Classeur"] != nil && all["Brouillons-6e"] == nil)
        return all
    }

    @Test("an attachment is saved with its progress, and what is kept can go")
    func attachment() async throws {
        try await academy.deliverFile(to: "jdupont", subject: "Photos", name: "photos.bin", size: 300_000)
        let cartable = try await phone.open()
        cartable.setLink(link: .metered)
        try await signIn(cartable, "jdupont")
        try await cartable.setPrefetchPolicy(prefetch: .nothing)
        #expect(try await cartable.prefetchPolicy() == .nothing)
        try await sync(cartable)
        let rows = try await cartable.messages(mailbox: inbox(cartable), behind: nil, limit: 50)
        let row = try #require(rows.first { $0.subject == "Photos" })
        let opening = Transfer()
        try await cartable.openMessageTelling(message: row.id, listener: opening).finished()
        let message = try #require(opening.message)
        #expect(message.text.trimmingCharacters(in: .whitespacesAndNewlines) == "Voir le fichier.")
        #expect(opening.last != nil)
        let index = try #require(message.attachments.first).index

        let saving = Transfer()
        let folder = phone.folder.path
        try await cartable.saveAttachment(message: row.id, index: index, folder: folder, listener: saving).finished()
        #expect(saving.last!.0 == saving.last!.1 && saving.last!.1 > 300_000)
        let saved = try #require(saving.file)
        #expect(saved.path.hasSuffix("/photos.bin") && saved.bytes == 300_000 && !saved.damaged)
        #expect(try Data(contentsOf: URL(fileURLWithPath: saved.path)) == Data(repeating: 120, count: 300_000))
        #expect(try await cartable.attachment(message: row.id, index: index).bytes.count == 300_000)

        func failing(_ index: UInt32, _ folder: String) async -> String? {
            key(await failure {
                try await cartable.saveAttachment(message: row.id, index: index, folder: folder, listener: Transfer()).finished()
            })
        }
        #expect(await failing(9, folder) == "gone")
        #expect(await failing(index, "\(folder)/nulle-part") == "bad-folder")

        #expect(try await cartable.cacheLimit() == 256 << 20)
        #expect(try await cartable.cacheSize() > 300_000)
        try await cartable.setCacheLimit(bytes: 100_000)
        #expect(try await cartable.cacheLimit() == 100_000)
        #expect(try await cartable.cacheSize() <= 100_000)
        try await cartable.emptyCache()
        #expect(try await cartable.cacheSize() == 0)
        try await cartable.signOut(discardUnsent: false)
        try await cartable.shutdown()
    }

    @Test("staying in touch says what the teacher has to do")
    func needsTeacher() async throws {
        let auth = academy.profile.split(separator: "\n").first { $0.hasPrefix("auth = [") }!
        let byPassword = academy.profile.replacingOccurrences(of: auth, with: "auth = [\"password\"]")
        let cartable = try await phone.open(profile: byPassword)
        let nobody = try cartable.stayInTouch(listener: Touch())
        guard case .SignInAgain = await failure(of: { try await nobody.finished() }) else {
            Issue.record("somebody")
            return
        }
        try await signIn(cartable, "jdupont")
        let touch = Touch()
        let task = try cartable.stayInTouch(listener: touch)
        let needed = try await touch.state { if case .needsTeacher = $0 { true } else { false } }
        if case .needsTeacher(let signIn, let told) = needed { #expect(signIn && told.key == "password-needed") }
        try await cartable.shutdown()
        #expect(key(await failure { try await task.finished() }) == "cancelled")
    }
}

import CartableFFI
import Foundation
import FoundationNetworking

/// The academy that `run` has started, and its control.
struct TestAcademy: Decodable, Sendable {
    let control: String
    let profile: String
    /// For an app that signs in another way.
    let profiles: [String: String]
    let caPem: String
    let hosts: [[String]]

    static let shared: TestAcademy = {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let hello = ProcessInfo.processInfo.environment["CARTABLE_ACADEMY"]!
        return try! decoder.decode(TestAcademy.self, from: Data(hello.utf8))
    }()

    /// The port in the profile's line that begins with `server`.
    func port(_ server: String) -> UInt16 {
        let line = profile.split(separator: "\n").first { $0.hasPrefix("\(server) = {") }!
        let port = line.components(separatedBy: "port = ")[1].prefix { $0.isNumber }
        return UInt16(port)!
    }

    func setup(folder: String, profiles: [String], moved: [String: String] = [:]) -> Setup {
        var addresses: [String: String] = [:]
        for pair in hosts { addresses[pair[0]] = pair[1] }
        addresses.merge(moved) { $1 }
        return Setup(
            folder: folder, language: "fr-FR", profiles: profiles,
            network: NetworkSettings(onlyRootsPem: caPem, hosts: addresses))
    }

    /// What the teacher's browser does with `url`; gives the address by which it hands back.
    func browser(_ url: String, teacher: String) async throws -> String {
        let answer = try await post("/browser/sign-in", ["url": url, "teacher": teacher])
        return answer["redirect"] as! String
    }

    func deliver(to teacher: String, subject: String, text: String) async throws {
        _ = try await post("/mail/deliver", ["to": "\(teacher)@academie.test", "subject": subject, "text": text])
    }

    func subjects(teacher: String, mailbox: String) async throws -> [String] {
        try await get("/mailbox?teacher=\(teacher)&mailbox=\(mailbox)")["subjects"] as! [String]
    }

    /// What the mail server says to these IMAP commands of another client of the teacher's.
    @discardableResult
    func otherClient(_ teacher: String, _ commands: String...) async throws -> [String] {
        let said = try await post("/mailbox", ["teacher": teacher, "commands": commands])["lines"] as! [String]
        return said.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
    }

    /// Puts a mail with a file of so many `x` into the inbox.
    func deliverFile(to teacher: String, subject: String, name: String, size: Int) async throws {
        let mail: [String: Any] = ["to": "\(teacher)@academie.test", "subject": subject, "name": name, "size": size]
        _ = try await post("/mail/attachment", mail)
    }

    /// What stands at `url` for a teacher's browser, which types nothing.
    func look(_ url: String, teacher: String) async throws -> String {
        let page = try await post("/browser/visit", ["url": url, "teacher": teacher, "typing": false])
        return page["text"] as! String
    }

    /// The code in the portal's newest mail after the first `before` of the inbox.
    func mailedCode(_ teacher: String, before: Int) async throws -> String {
        try await get("/mail/code?teacher=\(teacher)&before=\(before)")["code"] as! String
    }

    /// Puts a mail with a code into the inbox, as the portal's are.
    func deliverCode(_ teacher: String, code: String, minutesAgo: Int) async throws {
        _ = try await post("/mail/code", ["teacher": teacher, "code": code, "minutes_ago": minutesAgo])
    }

    /// Somebody types wrong passwords at the portal.
    func guess(_ teacher: String, times: Int) async throws {
        _ = try await post("/portal/guess", ["teacher": teacher, "times": times])
    }

    /// The address of a way to the server `host` on which everything takes so long, each way.
    func slow(_ host: String, ms: Int) async throws -> String {
        try await post("/wire", ["host": host, "fault": "none", "delay_ms": ms])["address"] as! String
    }

    func enrolTotp(_ teacher: String) async throws {
        _ = try await post("/totp/enrol", ["teacher": teacher])
    }

    func totpCode(_ teacher: String) async throws -> String {
        try await get("/totp/code?teacher=\(teacher)")["code"] as! String
    }

    /// Gives the teacher a phone that the academy prompts.
    func enrolPhone(_ teacher: String) async throws {
        _ = try await post("/push/phone", ["teacher": teacher])
    }

    /// Waits for the prompt on that phone, and approves it.
    func approve(_ teacher: String) async throws {
        _ = try await post("/push/approve", ["teacher": teacher])
    }

    private func get(_ path: String) async throws -> [String: Any] {
        try await send(URLRequest(url: URL(string: control + path)!))
    }

    private func post(_ path: String, _ body: [String: Any]) async throws -> [String: Any] {
        var request = URLRequest(url: URL(string: control + path)!)
        request.httpMethod = "POST"
        request.httpBody = try JSONSerialization.data(withJSONObject: body)
        return try await send(request)
    }

    private func send(_ request: URLRequest) async throws -> [String: Any] {
        let (data, answer) = try await URLSession.shared.data(for: request)
        guard (answer as? HTTPURLResponse)?.statusCode == 200 else {
            throw ControlError(answer: String(decoding: data, as: UTF8.self))
        }
        return try JSONSerialization.jsonObject(with: data) as! [String: Any]
    }
}

struct ControlError: Error {
    let answer: String
}

/// A keystore in memory, which may be locked.
final class Keystore: SecretStore, @unchecked Sendable {
    private let lock = NSLock()
    private var secrets: [String: String] = [:]
    private var failure: (any Error)?

    var keys: Set<String> { lock.withLock { Set(secrets.keys) } }

    func fail(with failure: (any Error)?) { lock.withLock { self.failure = failure } }

    func put(key: String, secret: String) throws {
        try lock.withLock {
            if let failure { throw failure }
            secrets[key] = secret
        }
    }

    func load(key: String) throws -> String? {
        try lock.withLock {
            if let failure { throw failure }
            return secrets[key]
        }
    }

    func delete(key: String) throws {
        try lock.withLock {
            if let failure { throw failure }
            secrets[key] = nil
        }
    }
}

/// A port that takes connections and never says a word.
final class BlackHole {
    private let socket: Int32

    init(address: String, port: UInt16) {
        socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = inet_addr(address)
        let bound = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        precondition(bound == 0 && listen(socket, 16) == 0)
    }

    deinit { close(socket) }
}

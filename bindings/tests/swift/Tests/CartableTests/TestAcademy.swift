import CartableFFI
import Foundation
import FoundationNetworking

/// The academy that `run` has started, and its control.
struct TestAcademy: Decodable, Sendable {
    let control: String
    let profile: String
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

    func setup(folder: String, profile: String? = nil, moved: [String: String] = [:]) -> Setup {
        var addresses: [String: String] = [:]
        for pair in hosts { addresses[pair[0]] = pair[1] }
        addresses.merge(moved) { $1 }
        return Setup(
            folder: folder, language: "fr-FR", profiles: [profile ?? self.profile],
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
        let url = URL(string: "\(control)/mailbox?teacher=\(teacher)&mailbox=\(mailbox)")!
        return try await send(URLRequest(url: url))["subjects"] as! [String]
    }

    private func post(_ path: String, _ body: [String: String]) async throws -> [String: Any] {
        var request = URLRequest(url: URL(string: control + path)!)
        request.httpMethod = "POST"
        request.httpBody = try JSONEncoder().encode(body)
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

import CartableFFI
import Foundation
import Testing

let academyId = "academie-test"
let academy = TestAcademy.shared

final class Changes: ChangeListener, @unchecked Sendable {
    let told: AsyncStream<Change>
    private let sink: AsyncStream<Change>.Continuation

    init() { (told, sink) = AsyncStream.makeStream() }

    func onChanges(changes: [Change]) throws {
        for change in changes { sink.yield(change) }
        // What a listener throws is its own affair: it goes on being called.
        throw ListenerError.Failed(reason: "on purpose")
    }
}

/// A phone with a folder of its own.
final class Phone {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    deinit { try? FileManager.default.removeItem(at: folder) }

    func open(
        _ secrets: Keystore = Keystore(), moved: [String: String] = [:], profile: String? = nil,
        known: Bool = true, services: (any ServiceResolver)? = nil
    ) async throws -> Cartable {
        let profiles = known ? [profile ?? academy.profile] : []
        let setup = academy.setup(folder: folder.path, profiles: profiles, moved: moved)
        return try await Cartable.open(setup: setup, secrets: secrets, services: services)
    }
}

func signIn(_ cartable: Cartable, _ teacher: String) async throws {
    guard case .browser(let url, let host, _, _) = try await cartable.beginSignIn(academy: academyId) else {
        Issue.record("no browser")
        return
    }
    #expect(host == "auth.academie.test")
    let back = try await academy.browser(url, teacher: teacher)
    guard case .signedIn = try await cartable.browserReturned(url: back) else {
        Issue.record("not signed in")
        return
    }
}

func sync(_ cartable: Cartable, _ listener: (any SyncListener)? = nil) async throws {
    try await cartable.sync(listener: listener).finished()
}

func nowMs() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

/// Asks until there is an answer, for twenty seconds at most.
func eventually<T>(_ answer: () async throws -> T?) async throws -> T {
    let end = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < end {
        if let found = try await answer() { return found }
        try await Task.sleep(for: .milliseconds(50))
    }
    throw CancellationError()
}

/// The error of `call`, which must fail with one of ours.
func failure(of call: () async throws -> Void) async -> CompanionError? {
    do {
        try await call()
        return nil
    } catch { return error as? CompanionError }
}

func key(_ error: CompanionError?) -> String? {
    switch error {
    case .SignInAgain(let told), .CheckConnection(let told), .Refused(let told), .NotFound(let told),
        .SecretsLocked(let told), .StorageDamaged(let told), .Cancelled(let told):
        told.key
    case .WaitUntil(_, _, let told), .Bug(_, let told): told.key
    case nil: nil
    }
}

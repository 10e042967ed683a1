import CartableFFI
import Foundation
import Testing

private let password = "Secret-1234"
private let portal = "auth.academie.test"

extension CartableTests {
    /// In the app, by the portal's own form.
    @Suite(.serialized) final class SignInTests {
        private let phone = Phone()
        private let form = academy.profiles["form"]!

        /// Begins, and gives name and password.
        private func give(_ cartable: Cartable, _ teacher: String, _ password: String = password) async throws -> SignInState {
            let state = try await cartable.beginSignIn(academy: academyId)
            guard case .password(portal, _, _) = state else {
                Issue.record("\(state)")
                return state
            }
            return try await cartable.enterPassword(identifier: teacher, password: password)
        }

        /// Says the address, which the portal does not tell.
        private func introduce(_ cartable: Cartable, _ state: SignInState, _ teacher: String) async throws {
            #expect(state == .introduction(identifier: teacher, address: nil, domains: ["academie.test"], notice: nil))
            let state = try await cartable.introduce(identifier: "", address: "\(teacher)@academie.test")
            guard case .signedIn(let who) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(who.identifier == teacher && who.address == "\(teacher)@academie.test")
            #expect(cartable.account() == who)
        }

        @Test("a code by mail is typed, the next one offered, and one that nobody asked for an alarm")
        func codes() async throws {
            let cartable = try await phone.open(profile: form)
            let card = cartable.academies(query: "essai").first { $0.id == academyId }!
            #expect(card.wayIn == .form)
            #expect(card.secondFactors == [.mailCode, .totp, .push])
            #expect(card.mailDomains == ["academie.test"])
            let nancy = cartable.academies(query: "Nancy").first { $0.id == "nancy-metz" }!
            #expect(nancy.wayIn == .browser && nancy.secondFactors == [.pinOtp])

            let before = try await academy.subjects(teacher: "pmartin", mailbox: "INBOX").count
            var state = try await give(cartable, "pmartin")
            guard case .code(portal, .mailCode, let resendFromMs?, nil) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(resendFromMs > nowMs())
            state = try await cartable.resendCode()
            guard case .code(_, _, _, let soon?) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(soon.key == "too-soon")
            let code = try await academy.mailedCode("pmartin", before: before)
            try await introduce(cartable, try await cartable.enterCode(code: code), "pmartin")
            #expect(try await cartable.isPortalSessionAlive() == true)
            // Mail takes the password that was typed.
            try await sync(cartable)
            #expect(try await cartable.offeredCode() == nil)

            state = try await cartable.beginSignIn(academy: academyId)
            guard case .password(_, "pmartin", nil) = state else {
                Issue.record("\(state)")
                return
            }
            state = try await cartable.enterPassword(identifier: "pmartin", password: password)
            guard case .code = state else {
                Issue.record("\(state)")
                return
            }
            let offered = try await eventually {
                try await sync(cartable)
                return try await cartable.offeredCode()
            }
            #expect(offered.others == 0)
            try await cartable.codeTaken(message: offered.message)
            #expect(try await cartable.offeredCode() == nil)
            state = try await cartable.enterCode(code: offered.code)
            guard case .signedIn = state else {
                Issue.record("\(state)")
                return
            }
            try await sync(cartable)
            #expect(try await cartable.alarms() == [])

            let changes = Changes()
            let listening = try cartable.listen(listener: changes)
            try await academy.deliverCode("pmartin", code: "123456", minutesAgo: 60)
            try await sync(cartable)
            var told = changes.told.makeAsyncIterator()
            while let change = await told.next() {
                if change == .alarms { break }
            }
            listening.cancel()
            let alarms = try await cartable.alarms()
            #expect(alarms.count == 1 && alarms[0].told.key == "unasked-code")
            #expect(alarms[0].message != nil && alarms[0].told.next.contains("changez-le"))
            try await cartable.dismissAlarm(alarm: alarms[0].id)

            // One for a page that the teacher opens in the browser is none.
            try await cartable.portalOpened()
            try await academy.deliverCode("pmartin", code: "654321", minutesAgo: 0)
            let another = try await eventually {
                try await sync(cartable)
                return try await cartable.offeredCode()
            }
            #expect(another.code == "654321")
            try await cartable.portalLeft()
            #expect(try await cartable.offeredCode() == nil)
            #expect(try await cartable.alarms() == [])

            // With an authenticator too, there is a choice.
            try await academy.enrolTotp("pmartin")
            state = try await give(cartable, "pmartin")
            guard case .choice(_, let factors) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(Set(factors) == [.mailCode, .totp])
            state = try await cartable.chooseFactor(factor: .totp)
            guard case .code(_, .totp, nil, nil) = state else {
                Issue.record("\(state)")
                return
            }
            state = try await cartable.enterCode(code: try await academy.totpCode("pmartin"))
            guard case .signedIn = state else {
                Issue.record("\(state)")
                return
            }
            try await cartable.shutdown()
        }

        @Test("a prompt on the phone lets in once it is approved")
        func prompt() async throws {
            try await academy.enrolPhone("block")
            let cartable = try await phone.open(profile: form)
            let state = try await give(cartable, "block")
            #expect(state == .prompt(host: portal, notice: nil))
            try await academy.approve("block")
            try await introduce(cartable, try await cartable.promptApproved(), "block")
            try await cartable.shutdown()
        }

        @Test("a wrong password is told, and a lock of the portal's is waited for")
        func locked() async throws {
            let secrets = Keystore()
            var cartable = try await phone.open(secrets, profile: form)
            try await introduce(cartable, try await give(cartable, "perfbox"), "perfbox")
            try await academy.guess("perfbox", times: 2)
            var state = try await give(cartable, "perfbox", "Secret-1235")
            guard case .password(_, "perfbox", let wrong?) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(wrong.key == "sign-in-wrong")
            state = try await cartable.enterPassword(identifier: "perfbox", password: "Secret-1235")
            guard case .password(_, _, let known?) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(known.key == "known-wrong")
            // The third failure in all has locked: the right password is not judged.
            state = try await cartable.enterPassword(identifier: "perfbox", password: password)
            guard case .wait(let untilMs, true, "perfbox", let why, nil) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(why.key == "account-locked" && untilMs > nowMs())
            guard case .WaitUntil(_, true, let held) = await failure(of: { try await cartable.setMailPassword(password: password) })
            else {
                Issue.record("tried")
                return
            }
            #expect(held.key == "account-locked")
            try await cartable.shutdown()

            cartable = try await phone.open(secrets, profile: form)
            guard case .wait(_, true, _, _, _) = cartable.signInState() else {
                Issue.record("\(cartable.signInState())")
                return
            }
            // Whoever was signed in before is so again.
            state = try await cartable.signInBack()
            guard case .signedIn = state else {
                Issue.record("\(state)")
                return
            }
            try await cartable.shutdown()
        }

        @Test("two mistakes hold the app back before the portal locks")
        func mistakes() async throws {
            var cartable = try await phone.open(profile: form)
            _ = try await give(cartable, "warned", "faux-1")
            var state = try await cartable.enterPassword(identifier: "warned", password: "faux-2")
            guard case .wait(_, false, "warned", let why, let notice?) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(why.key == "wait-to-try" && notice.key == "sign-in-wrong")
            state = try await give(cartable, "locked")
            guard case .failed(let blocked, false) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(blocked.key == "account-blocked")
            try await cartable.shutdown()

            cartable = try await phone.open(moved: [portal: "127.0.0.67"], profile: form)
            state = try await cartable.beginSignIn(academy: academyId)
            guard case .failed(let down, true) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(down.key == "unreachable")
            try await cartable.shutdown()
        }

        @Test("one goes back by a step, and a call that nobody waits for goes on to its end")
        func back() async throws {
            try await academy.enrolTotp("tbernard")
            let slow = try await academy.slow("portal", ms: 100)
            let cartable = try await phone.open(moved: [portal: slow], profile: form)
            var state = try await give(cartable, "tbernard")
            guard case .code(_, .totp, nil, _) = state else {
                Issue.record("\(state)")
                return
            }
            state = try await cartable.signInBack()
            guard case .password(_, "tbernard", _) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(try await cartable.signInBack() == .signedOut)

            _ = try await cartable.beginSignIn(academy: academyId)
            let waiting = Task { try await cartable.enterPassword(identifier: "tbernard", password: password) }
            try await Task.sleep(for: .milliseconds(50))
            #expect(cartable.signInState() == .checking)
            waiting.cancel()
            try await eventually { if case .code = cartable.signInState() { () } else { nil } }

            state = try await cartable.useBrowser()
            guard case .browser(_, portal, false, _) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(try await cartable.signInBack() == .signedOut)
            _ = try await give(cartable, "tbernard")
            let code = try await academy.totpCode("tbernard")
            try await introduce(cartable, try await cartable.enterCode(code: code), "tbernard")
            try await cartable.shutdown()
        }

        @Test("a browser that is closed signs nobody in, or where it hands nothing back the app asks who it was")
        func closed() async throws {
            var cartable = try await phone.open()
            var state = try await cartable.beginSignIn(academy: academyId)
            guard case .browser(_, _, true, _) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(try await cartable.browserClosed() == .signedOut)
            #expect(cartable.academy()?.wayIn == .oidc)
            #expect(cartable.account() == nil)
            try await cartable.shutdown()

            cartable = try await phone.open(profile: academy.profiles["browser"])
            state = try await cartable.beginSignIn(academy: academyId)
            guard case .browser(_, _, false, _) = state else {
                Issue.record("\(state)")
                return
            }
            let asked = SignInState.introduction(identifier: nil, address: nil, domains: ["academie.test"], notice: nil)
            #expect(try await cartable.browserClosed() == asked)
            state = try await cartable.introduce(identifier: "jdupont", address: "pas une adresse")
            guard case .introduction(_, _, _, let notice?) = state else {
                Issue.record("\(state)")
                return
            }
            #expect(notice.key == "not-an-address")
            state = try await cartable.introduce(identifier: "jdupont", address: "jdupont@academie.test")
            guard case .signedIn = state else {
                Issue.record("\(state)")
                return
            }
            guard case .SignInAgain(let needed) = await failure(of: { try await sync(cartable) }) else {
                Issue.record("synced")
                return
            }
            #expect(needed.key == "password-needed")
            try await cartable.setMailPassword(password: password)
            try await sync(cartable)
            try await cartable.shutdown()
        }

        @Test("a service is opened with a ticket, and says why where it will ask")
        func services() async throws {
            let cartable = try await phone.open(profile: form)
            #expect(cartable.services() == [])
            _ = try await cartable.beginSignIn(academy: academyId)
            #expect(cartable.services().count == 1)
            let ent = cartable.services()[0]
            #expect(ent.name == "ENT" && ent.kind == .ent && ent.audience == .staff)
            let asks = try await cartable.openService(address: ent.address)
            guard case .nothing(let why) = asks.signedIn else {
                Issue.record("known without a session")
                return
            }
            #expect(asks.url == ent.address && why.key == "service-no-session")

            let state = try await cartable.enterPassword(identifier: "jdupont", password: password)
            try await introduce(cartable, state, "jdupont")
            let opening = try await cartable.openService(address: ent.address)
            #expect(opening.signedIn == .ticket && opening.host == "ent.academie.test")
            // A browser that has never been at the portal.
            #expect(try await academy.look(opening.url, teacher: "expired").contains("<b>jdupont</b>"))
            let elsewhere = await failure { _ = try await cartable.openService(address: "https://ent.autre.test/") }
            guard case .Refused(let unofficial) = elsewhere else {
                Issue.record("\(String(describing: elsewhere))")
                return
            }
            #expect(unofficial.key == "unofficial")
            #expect(try await cartable.signOutPage() == nil)
            try await cartable.signOut(discardUnsent: false)
            #expect(try await cartable.openService(address: ent.address).signedIn != .ticket)
            try await cartable.shutdown()
        }
    }
}

import fr.cartable.ffi.Audience
import fr.cartable.ffi.Cartable
import fr.cartable.ffi.Change
import fr.cartable.ffi.CompanionException
import fr.cartable.ffi.OfferedCode
import fr.cartable.ffi.SecondFactor
import fr.cartable.ffi.ServiceKind
import fr.cartable.ffi.SignInState
import fr.cartable.ffi.SignedInBy
import fr.cartable.ffi.WayIn
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

private const val PASSWORD = "Secret-1234"
private const val PORTAL = "auth.academie.test"

/** In the app, by the portal's own form. */
class SignInTest : CompanionTest() {
    private suspend fun openForm(secrets: Keystore = Keystore()) = open(secrets, profile = TestAcademy.formProfile)

    /** Begins, and gives name and password. */
    private suspend fun give(cartable: Cartable, teacher: String, password: String = PASSWORD): SignInState {
        assertEquals(PORTAL, (cartable.beginSignIn(ACADEMY) as SignInState.Password).host)
        return cartable.enterPassword(teacher, password)
    }

    /** Says the address, which the portal does not tell. */
    private suspend fun introduce(cartable: Cartable, state: SignInState, teacher: String) {
        assertEquals(SignInState.Introduction(teacher, null, listOf("academie.test"), null), state)
        val signedIn = cartable.introduce("", "$teacher@academie.test") as SignInState.SignedIn
        assertEquals(teacher to "$teacher@academie.test", signedIn.who.identifier to signedIn.who.address)
        assertEquals(signedIn.who, cartable.account())
    }

    private suspend fun offer(cartable: Cartable): OfferedCode = withTimeout(20_000) {
        var offered: OfferedCode? = null
        while (offered == null) {
            sync(cartable)
            offered = cartable.offeredCode()
            if (offered == null) delay(50)
        }
        offered
    }

    @Test
    fun `a code by mail is typed, the next one offered, and one that nobody asked for an alarm`() = runBlocking<Unit> {
        openForm().use { cartable ->
            val card = cartable.academies("essai").single { it.id == ACADEMY }
            assertEquals(WayIn.FORM, card.wayIn)
            assertEquals(listOf(SecondFactor.MAIL_CODE, SecondFactor.TOTP, SecondFactor.PUSH), card.secondFactors)
            assertEquals(listOf("academie.test"), card.mailDomains)
            val nancy = cartable.academies("Nancy").single { it.id == "nancy-metz" }
            assertEquals(WayIn.BROWSER to listOf(SecondFactor.PIN_OTP), nancy.wayIn to nancy.secondFactors)

            val before = TestAcademy.subjects("pmartin", "INBOX").size
            val asked = give(cartable, "pmartin") as SignInState.Code
            assertEquals(PORTAL to SecondFactor.MAIL_CODE, asked.host to asked.factor)
            assertTrue(asked.resendFromMs!! > System.currentTimeMillis())
            val soon = cartable.resendCode() as SignInState.Code
            assertEquals("too-soon", soon.notice?.key)
            introduce(cartable, cartable.enterCode(TestAcademy.mailedCode("pmartin", before)), "pmartin")
            assertEquals(true, cartable.isPortalSessionAlive())
            // Mail takes the password that was typed.
            sync(cartable)
            assertNull(cartable.offeredCode())

            val again = cartable.beginSignIn(ACADEMY) as SignInState.Password
            assertEquals("pmartin", again.identifier)
            assertTrue(cartable.enterPassword("pmartin", PASSWORD) is SignInState.Code)
            val offered = offer(cartable)
            assertEquals(0u, offered.others)
            cartable.codeTaken(offered.message)
            assertNull(cartable.offeredCode())
            assertTrue(cartable.enterCode(offered.code) is SignInState.SignedIn)
            sync(cartable)
            assertEquals(emptyList<Any>(), cartable.alarms())

            val changes = Changes()
            cartable.listen(changes).use {
                TestAcademy.deliverCode("pmartin", "123456", minutesAgo = 60)
                sync(cartable)
                changes.await { it == Change.Alarms }
                it.cancel()
            }
            val alarm = cartable.alarms().single()
            assertEquals("unasked-code", alarm.told.key)
            assertTrue(alarm.message != null && alarm.told.next.contains("changez-le"))
            cartable.dismissAlarm(alarm.id)

            // One for a page that the teacher opens in the browser is none.
            cartable.portalOpened()
            TestAcademy.deliverCode("pmartin", "654321", minutesAgo = 0)
            assertEquals("654321", offer(cartable).code)
            cartable.portalLeft()
            assertNull(cartable.offeredCode())
            assertEquals(emptyList<Any>(), cartable.alarms())

            // With an authenticator too, there is a choice.
            TestAcademy.enrolTotp("pmartin")
            val choice = give(cartable, "pmartin") as SignInState.Choice
            assertEquals(setOf(SecondFactor.MAIL_CODE, SecondFactor.TOTP), choice.factors.toSet())
            val chosen = cartable.chooseFactor(SecondFactor.TOTP) as SignInState.Code
            assertEquals(SecondFactor.TOTP, chosen.factor)
            assertTrue(cartable.enterCode(TestAcademy.totpCode("pmartin")) is SignInState.SignedIn)
            cartable.shutdown()
        }
    }

    @Test
    fun `a prompt on the phone lets in once it is approved`() = runBlocking<Unit> {
        TestAcademy.enrolPhone("block")
        openForm().use { cartable ->
            assertEquals(SignInState.Prompt(PORTAL, null), give(cartable, "block"))
            TestAcademy.approve("block")
            introduce(cartable, cartable.promptApproved(), "block")
            cartable.shutdown()
        }
    }

    @Test
    fun `a wrong password is told, and a lock of the portal's is waited for`() = runBlocking<Unit> {
        val secrets = Keystore()
        openForm(secrets).use { cartable ->
            introduce(cartable, give(cartable, "perfbox"), "perfbox")
            TestAcademy.guess("perfbox", 2)
            val wrong = give(cartable, "perfbox", "Secret-1235") as SignInState.Password
            assertEquals("perfbox" to "sign-in-wrong", wrong.identifier to wrong.notice?.key)
            val known = cartable.enterPassword("perfbox", "Secret-1235") as SignInState.Password
            assertEquals("known-wrong", known.notice?.key)
            // The third failure in all has locked: the right password is not judged.
            val wait = cartable.enterPassword("perfbox", PASSWORD) as SignInState.Wait
            assertEquals(true to "perfbox", wait.locked to wait.identifier)
            assertEquals("account-locked", wait.told.key)
            assertTrue(wait.untilMs > System.currentTimeMillis())
            val held = fails<CompanionException.WaitUntil> { cartable.setMailPassword(PASSWORD) }
            assertEquals(true to "account-locked", held.locked to held.told.key)
            cartable.shutdown()
        }
        openForm(secrets).use { cartable ->
            assertTrue((cartable.signInState() as SignInState.Wait).locked)
            // Whoever was signed in before is so again.
            assertTrue(cartable.signInBack() is SignInState.SignedIn)
            cartable.shutdown()
        }
    }

    @Test
    fun `two mistakes hold the app back before the portal locks`() = runBlocking<Unit> {
        openForm().use { cartable ->
            give(cartable, "warned", "faux-1")
            val wait = cartable.enterPassword("warned", "faux-2") as SignInState.Wait
            assertEquals(false to "wait-to-try", wait.locked to wait.told.key)
            assertEquals("sign-in-wrong", wait.notice?.key)
            val blocked = give(cartable, "locked") as SignInState.Failed
            assertEquals("account-blocked" to false, blocked.told.key to blocked.tryAgain)
            cartable.shutdown()
        }
        open(moved = mapOf(PORTAL to "127.0.0.65"), profile = TestAcademy.formProfile).use { cartable ->
            val down = cartable.beginSignIn(ACADEMY) as SignInState.Failed
            assertEquals("unreachable" to true, down.told.key to down.tryAgain)
            cartable.shutdown()
        }
    }

    @Test
    fun `one goes back by a step, and a call that nobody waits for goes on to its end`() = runBlocking<Unit> {
        TestAcademy.enrolTotp("tbernard")
        val slow = mapOf(PORTAL to TestAcademy.slow("portal", 100))
        open(moved = slow, profile = TestAcademy.formProfile).use { cartable ->
            val code = give(cartable, "tbernard") as SignInState.Code
            assertEquals(SecondFactor.TOTP to null, code.factor to code.resendFromMs)
            val back = cartable.signInBack() as SignInState.Password
            assertEquals("tbernard", back.identifier)
            assertEquals(SignInState.SignedOut, cartable.signInBack())

            cartable.beginSignIn(ACADEMY)
            val waiting = async { cartable.enterPassword("tbernard", PASSWORD) }
            delay(50)
            assertEquals(SignInState.Checking, cartable.signInState())
            waiting.cancel()
            assertThrows(CancellationException::class.java) { runBlocking { waiting.await() } }
            withTimeout(20_000) { while (cartable.signInState() !is SignInState.Code) delay(20) }

            val browser = cartable.useBrowser() as SignInState.Browser
            assertEquals(PORTAL to false, browser.host to browser.handsBack)
            assertEquals(SignInState.SignedOut, cartable.signInBack())
            give(cartable, "tbernard")
            introduce(cartable, cartable.enterCode(TestAcademy.totpCode("tbernard")), "tbernard")
            cartable.shutdown()
        }
    }

    @Test
    fun `a browser that is closed signs nobody in, or where it hands nothing back the app asks who it was`() = runBlocking<Unit> {
        open().use { cartable ->
            assertTrue((cartable.beginSignIn(ACADEMY) as SignInState.Browser).handsBack)
            assertEquals(SignInState.SignedOut, cartable.browserClosed())
            assertEquals(WayIn.OIDC, cartable.academy()?.wayIn)
            assertNull(cartable.account())
            cartable.shutdown()
        }
        open(profile = TestAcademy.browserProfile).use { cartable ->
            assertFalse((cartable.beginSignIn(ACADEMY) as SignInState.Browser).handsBack)
            val asked = SignInState.Introduction(null, null, listOf("academie.test"), null)
            assertEquals(asked, cartable.browserClosed())
            val again = cartable.introduce("jdupont", "pas une adresse") as SignInState.Introduction
            assertEquals("not-an-address", again.notice?.key)
            assertTrue(cartable.introduce("jdupont", "jdupont@academie.test") is SignInState.SignedIn)
            val needed = fails<CompanionException.SignInAgain> { sync(cartable) }
            assertEquals("password-needed", needed.told.key)
            cartable.setMailPassword(PASSWORD)
            sync(cartable)
            cartable.shutdown()
        }
    }

    @Test
    fun `a service is opened with a ticket, and says why where it will ask`() = runBlocking<Unit> {
        openForm().use { cartable ->
            assertEquals(emptyList<Any>(), cartable.services())
            cartable.beginSignIn(ACADEMY)
            val ent = cartable.services().single()
            assertEquals(Triple("ENT", ServiceKind.ENT, Audience.STAFF), Triple(ent.name, ent.kind, ent.audience))
            val asks = cartable.openService(ent.address)
            assertEquals(ent.address, asks.url)
            assertEquals("service-no-session", (asks.signedIn as SignedInBy.Nothing).told.key)

            introduce(cartable, cartable.enterPassword("jdupont", PASSWORD), "jdupont")
            val opening = cartable.openService(ent.address)
            assertEquals(SignedInBy.Ticket to "ent.academie.test", opening.signedIn to opening.host)
            // A browser that has never been at the portal.
            assertTrue(TestAcademy.look(opening.url, "expired").contains("<b>jdupont</b>"))
            val elsewhere = fails<CompanionException.Refused> { cartable.openService("https://ent.autre.test/") }
            assertEquals("unofficial", elsewhere.told.key)
            assertNull(cartable.signOutPage())
            cartable.signOut(false)
            assertFalse(cartable.openService(ent.address).signedIn is SignedInBy.Ticket)
            cartable.shutdown()
        }
    }
}

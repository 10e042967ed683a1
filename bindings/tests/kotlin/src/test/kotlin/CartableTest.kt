import fr.cartable.ffi.Accounts
import fr.cartable.ffi.Cartable
import fr.cartable.ffi.Change
import fr.cartable.ffi.CompanionException
import fr.cartable.ffi.LetterState
import fr.cartable.ffi.MailboxRole
import fr.cartable.ffi.SignInState
import fr.cartable.ffi.SyncListener
import fr.cartable.ffi.SyncReport
import fr.cartable.ffi.TaskHandle
import fr.cartable.ffi.rebuildStorage
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
import java.io.File
import java.net.InetAddress
import java.net.ServerSocket
import java.util.concurrent.LinkedBlockingQueue

private class Progress : SyncListener {
    val steps = LinkedBlockingQueue<Pair<ULong, ULong>>()
    val reports = LinkedBlockingQueue<SyncReport>()

    override fun onProgress(done: ULong, expected: ULong) {
        steps.add(done to expected)
    }

    override fun onReport(report: SyncReport) {
        reports.add(report)
    }
}

class CartableTest : CompanionTest() {
    @Test
    fun `a teacher signs in, reads, answers and is told what changes`() = runBlocking<Unit> {
        TestAcademy.deliver("jdupont", "Conseil de classe", "Mardi à 17 h, salle 12.")
        val secrets = Keystore()
        open(secrets).use { cartable ->
            assertTrue(cartable.academies("essai").any { it.id == ACADEMY && it.host == "auth.academie.test" })
            assertEquals(SignInState.SignedOut, cartable.signInState())
            signIn(cartable, "jdupont")
            assertEquals("Jeanne Dupont", cartable.account()?.name)
            assertTrue(cartable.signOutPage()!!.startsWith("https://auth.academie.test:"))
            assertTrue(secrets.secrets.containsKey("session/$ACADEMY"))

            val changes = Changes()
            val listening = cartable.listen(changes)
            val progress = Progress()
            sync(cartable, progress)
            assertTrue(progress.reports.take().arrived >= 1u)
            val (done, expected) = progress.steps.last()
            assertEquals(expected, done)
            changes.await { it is Change.Messages }

            val inbox = cartable.mailboxes().first { it.role == MailboxRole.INBOX }
            assertTrue(inbox.complete && inbox.known >= 1u)
            val row = cartable.messages(inbox.id, null, 50u).first { it.subject == "Conseil de classe" }
            assertFalse(row.read)
            val message = cartable.openMessage(row.id)
            assertEquals("Mardi à 17 h, salle 12.", message.text.trim())
            assertNull(message.html)

            cartable.setRead(listOf(row.id), true)
            cartable.setFlagged(listOf(row.id), true)
            changes.await { it == Change.Messages(inbox.id) }
            cartable.reply(row.id, "J’y serai.", false)
            val refused = fails<CompanionException.Refused> { cartable.signOut(false) }
            assertEquals("unsent", refused.told.key)
            assertEquals("Un message n’est pas encore parti.", refused.told.what)
            assertEquals(1uL, cartable.sendWaiting())
            assertEquals(LetterState.FILED, cartable.outbox().first().state)
            cartable.undo(cartable.delete(listOf(row.id)))
            val once = cartable.syncOnce(20_000uL)
            assertEquals(3uL, once.report?.acted)
            assertTrue(TestAcademy.subjects("jdupont", "Sent").contains("Re: Conseil de classe"))

            assertFalse(listening.isFinished())
            listening.cancel()
            fails<CompanionException.Cancelled> { listening.finished() }
            assertTrue(listening.isFinished())
            listening.close()
            cartable.suspend()
            cartable.shutdown()
        }
        // Another start finds everything.
        open(secrets).use { cartable ->
            assertTrue(cartable.signInState() is SignInState.SignedIn)
            assertTrue(cartable.mailboxes().any { it.role == MailboxRole.INBOX && it.known >= 1u })
            cartable.signOut(false)
            assertNull(cartable.account())
            assertEquals(setOf("ledger/device"), secrets.secrets.keys + "ledger/device")
        }
    }

    @Test
    fun `a long call is cancelled and says so`() = runBlocking<Unit> {
        ServerSocket(TestAcademy.port("imap"), 50, InetAddress.getByName("127.0.0.61")).use {
            open(moved = mapOf("imap.academie.test" to "127.0.0.61")).use { cartable ->
                signIn(cartable, "lreset")
                cartable.sync(null).use { task: TaskHandle ->
                    delay(300)
                    assertFalse(task.isFinished())
                    task.cancel()
                    task.cancel()
                    withTimeout(5_000) { fails<CompanionException.Cancelled> { task.finished() } }
                    assertTrue(task.isFinished())
                }
                // A coroutine that no longer waits does not end the work.
                cartable.sync(null).use { task: TaskHandle ->
                    val waiting = async { task.finished() }
                    delay(100)
                    waiting.cancel()
                    assertThrows(CancellationException::class.java) { runBlocking { waiting.await() } }
                    assertFalse(task.isFinished())
                    cartable.suspend()
                    withTimeout(5_000) { fails<CompanionException.Cancelled> { task.finished() } }
                }
                // The end of the app ends every task, and what is called later.
                cartable.sync(null).use { task: TaskHandle ->
                    cartable.shutdown()
                    withTimeout(5_000) { fails<CompanionException.Cancelled> { task.finished() } }
                }
                fails<CompanionException.Cancelled> { cartable.mailboxes() }
            }
        }
    }

    @Test
    fun `each class of error says what the shell does next`() = runBlocking<Unit> {
        val secrets = Keystore()
        open(secrets, moved = mapOf("smtp.academie.test" to "127.0.0.62")).use { cartable ->
            val nobody = fails<CompanionException.SignInAgain> { cartable.mailboxes() }
            assertEquals("Votre session est terminée.", nobody.told.what)
            val forged = cartable.browserReturned("fr.academie.mobile:/oauth2redirect?code=x&state=y") as SignInState.Failed
            assertEquals("not-ours" to false, forged.told.key to forged.tryAgain)
            fails<CompanionException.NotFound> { cartable.beginSignIn("atlantide") }

            TestAcademy.deliver("jdupont", "Sortie", "Jeudi")
            signIn(cartable, "jdupont")
            sync(cartable)
            fails<CompanionException.NotFound> { cartable.openMessage(999_999) }
            val inbox = cartable.mailboxes().first { it.role == MailboxRole.INBOX }
            val row = cartable.messages(inbox.id, null, 1u).single()
            cartable.reply(row.id, "Entendu.", false)
            val down = fails<CompanionException.CheckConnection> { cartable.sendWaiting() }
            assertEquals("unreachable", down.told.key)
            assertEquals(LetterState.WAITING, cartable.outbox().single().state)

            secrets.lock()
            val locked = fails<CompanionException.SecretsLocked> { cartable.setMailPassword("secret") }
            assertEquals("secrets-locked", locked.told.key)
            secrets.failure = IllegalStateException("pl4nted")
            val broken = fails<CompanionException.SecretsLocked> { cartable.setMailPassword("secret") }
            assertEquals("no-keystore", broken.told.key)
            assertFalse(broken.toString().contains("pl4nted"))
            secrets.failure = null
            cartable.signOut(true)
            cartable.shutdown()
        }
        val bug = fails<CompanionException.Bug> { open(profile = "format = 1").close() }
        assertEquals("bug", bug.told.key)

        File(folder, "cartable.db").writeText("pas une base ".repeat(1000))
        File(folder, "cartable.db-wal").delete()
        val damaged = fails<CompanionException.StorageDamaged> { open().close() }
        assertEquals("storage-damaged", damaged.told.key)
        assertFalse(rebuildStorage(folder.path, "fr").whole)
        open().close()
    }

    @Test
    fun `two teachers share a phone, and the same one is there once`() = runBlocking<Unit> {
        TestAcademy.deliver("lreset", "Pour Lea", "Bonjour")
        val (setup, secrets) = TestAcademy.setup(folder.path, TestAcademy.profile, emptyMap()) to Keystore()
        Accounts.open(setup, secrets).use { accounts ->
            assertTrue(accounts.list().isEmpty())
            val (jeanne, lea) = accounts.add() to accounts.add()
            accounts.cartable(jeanne).use { signIn(it, "jdupont") }
            signIn(accounts.cartable(lea), "lreset")
            val again = accounts.add()
            val state = accounts.cartable(again).beginSignIn(ACADEMY) as SignInState.Browser
            val back = TestAcademy.browser(state.url, "jdupont")
            val refused = fails<CompanionException.Refused> { accounts.cartable(again).browserReturned(back) }
            assertEquals("already-here", refused.told.key)
            accounts.remove(again, false)
            assertEquals(listOf("jdupont", "lreset"), accounts.list().map { it.who?.identifier })
            val synced = accounts.syncOnce(30_000uL)
            assertTrue(synced.size == 2 && synced.all { it.trouble == null && it.done?.report != null })
            accounts.suspend()
            accounts.remove(jeanne, false)
            accounts.shutdown()
        }
        File(folder, "accounts/2/cartable.db").writeText("pas une base ".repeat(1000))
        File(folder, "accounts/2/cartable.db-wal").delete()
        Accounts.open(setup, secrets).use { accounts ->
            val damaged = accounts.list().single()
            assertEquals("storage-damaged", damaged.trouble?.key)
            assertFalse(accounts.rebuild(damaged.id).whole)
            accounts.cartable(damaged.id).close()
            accounts.shutdown()
        }
    }

    @Test
    fun `a wrong mail password is sent once, and a third one not before its time`() = runBlocking<Unit> {
        val byPassword = TestAcademy.profile.replace(Regex("auth = \\[.*]"), "auth = [\"password\"]")
        open(profile = byPassword).use { cartable ->
            signIn(cartable, "lreset")
            val needed = fails<CompanionException.SignInAgain> { sync(cartable) }
            assertEquals("password-needed", needed.told.key)
            val wrong = fails<CompanionException.SignInAgain> { cartable.setMailPassword("faux-1") }
            assertEquals("password-wrong", wrong.told.key)
            // It is not kept, so nothing sends it again.
            assertEquals("password-needed", fails<CompanionException.SignInAgain> { sync(cartable) }.told.key)
            assertEquals("password-wrong", fails<CompanionException.SignInAgain> { cartable.setMailPassword("faux-1") }.told.key)
            assertEquals("password-wrong", fails<CompanionException.SignInAgain> { cartable.setMailPassword("faux-2") }.told.key)
            val wait = fails<CompanionException.WaitUntil> { cartable.setMailPassword("faux-3") }
            assertTrue(wait.untilMs > System.currentTimeMillis() && !wait.locked)
            assertTrue(wait.told.what.startsWith("Encore "))
            cartable.shutdown()
        }
    }
}

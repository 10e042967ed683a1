import fr.cartable.ffi.ActionKind
import fr.cartable.ffi.Cartable
import fr.cartable.ffi.Change
import fr.cartable.ffi.CompanionException
import fr.cartable.ffi.InTouch
import fr.cartable.ffi.Link
import fr.cartable.ffi.MailboxRole
import fr.cartable.ffi.MessageView
import fr.cartable.ffi.OpenListener
import fr.cartable.ffi.Prefetch
import fr.cartable.ffi.SaveListener
import fr.cartable.ffi.SavedFile
import fr.cartable.ffi.TouchListener
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

private class Touch : TouchListener {
    private val states = LinkedBlockingQueue<InTouch>()

    override fun onState(state: InTouch) {
        states.add(state)
    }

    fun await(wanted: (InTouch) -> Boolean): InTouch {
        while (true) {
            val state = states.poll(20, TimeUnit.SECONDS) ?: throw AssertionError("no such state")
            if (wanted(state)) return state
        }
    }
}

private class Transfer : OpenListener, SaveListener {
    val steps = LinkedBlockingQueue<Pair<ULong, ULong>>()
    val messages = LinkedBlockingQueue<MessageView>()
    val files = LinkedBlockingQueue<SavedFile>()

    override fun onProgress(done: ULong, total: ULong) {
        steps.add(done to total)
    }

    override fun onOpened(message: MessageView) {
        messages.add(message)
    }

    override fun onSaved(file: SavedFile) {
        files.add(file)
    }
}

class OfflineTest : CompanionTest() {
    private suspend fun mailbox(cartable: Cartable, name: String) = cartable.mailboxes().first { it.name == name }

    private suspend fun shown(cartable: Cartable, mailbox: Long) =
        cartable.messages(mailbox, null, 200u).map { it.subject }.filter { it.startsWith("Hors ligne") }.sorted()

    private suspend fun inbox(cartable: Cartable) = cartable.mailboxes().first { it.role == MailboxRole.INBOX }.id

    @Test
    fun `what was done without network is done when it is back, and another client sees it`() = runBlocking<Unit> {
        (1..6).forEach { TestAcademy.deliver("jdupont", "Hors ligne $it", "Bonjour") }
        TestAcademy.otherClient("jdupont", "CREATE Brouillons-6e")
        val secrets = Keystore()
        open(secrets).use { cartable ->
            signIn(cartable, "jdupont")
            sync(cartable)
            cartable.shutdown()
        }
        TestAcademy.otherClient("jdupont", "CREATE Classeur")

        val before = open(secrets, moved = mapOf("imap.academie.test" to "127.0.0.65")).use { cartable ->
            val inbox = inbox(cartable)
            val rows = cartable.messages(inbox, null, 200u).associate { it.subject to it.id }
            fun id(number: Int) = listOf(rows.getValue("Hors ligne $number"))
            cartable.setRead(id(1) + id(2), true)
            cartable.setFlagged(id(1), true)
            cartable.setAnswered(id(1), true)
            cartable.setForwarded(id(2), true)
            val trips = cartable.createMailbox(null, "Sorties").mailbox
            val june = cartable.createMailbox(trips, "Juin").mailbox
            cartable.moveTo(id(3), june)
            cartable.copyTo(id(2), trips)
            cartable.markAllRead(june)
            cartable.subscribe(trips, true)
            cartable.archive(id(4))
            cartable.junk(id(5))
            val deleted = cartable.delete(id(6))
            assertFalse("Hors ligne 6" in shown(cartable, inbox))
            cartable.undo(deleted)
            cartable.renameMailbox(mailbox(cartable, "Brouillons-6e").id, null, "Classeur")
            fails<CompanionException.NotFound> { cartable.delete(listOf(999_999)) }
            val taken = fails<CompanionException.Refused> { cartable.createMailbox(null, "Sorties") }
            assertEquals("mailbox-exists", taken.told.key)
            val inboxStays = fails<CompanionException.Refused> { cartable.renameMailbox(inbox, null, "Autre") }
            assertEquals("mailbox-protected", inboxStays.told.key)
            assertEquals("unreachable", fails<CompanionException.CheckConnection> { sync(cartable) }.told.key)
            val touch = Touch()
            cartable.stayInTouch(touch).use { task ->
                val waiting = touch.await { it is InTouch.Waiting } as InTouch.Waiting
                assertTrue(waiting.told.key == "unreachable" && waiting.untilMs > System.currentTimeMillis() - 20_000)
                task.cancel()
                fails<CompanionException.Cancelled> { task.finished() }
            }
            val shown = cartable.mailboxes().associate { it.name to shown(cartable, it.id) }
            assertEquals(listOf(1, 2, 6).map { "Hors ligne $it" }, shown["INBOX"])
            assertEquals(listOf("Hors ligne 3"), shown["Sorties/Juin"])
            assertEquals(listOf("Hors ligne 2"), shown["Sorties"])
            assertTrue("Classeur" in shown && "Brouillons-6e" !in shown)
            cartable.shutdown()
            shown
        }

        open(secrets).use { cartable ->
            val (changes, touch) = Changes() to Touch()
            val listening = cartable.listen(changes)
            cartable.setLink(Link.OFFLINE)
            val task = cartable.stayInTouch(touch)
            touch.await { it == InTouch.Offline }
            cartable.setLink(Link.UNMETERED)
            touch.await { it is InTouch.UpToDate }
            val trips = mailbox(cartable, "Sorties")
            assertTrue(trips.subscribed && trips.delimiter == "/")
            assertEquals(before["INBOX"], shown(cartable, inbox(cartable)))
            fun server(mailbox: String) = TestAcademy.subjects("jdupont", mailbox).filter { it.startsWith("Hors") }.sorted()
            for (name in listOf("INBOX", "Sorties", "Sorties/Juin", "Archive", "Junk", "Trash")) {
                assertEquals(before[name] ?: emptyList<String>(), server(name), name)
            }
            fun found(search: String) =
                TestAcademy.otherClient("jdupont", "SELECT INBOX", "SEARCH HEADER SUBJECT $search").last().removePrefix("* SEARCH")
            assertTrue(found("\"Hors ligne 1\" SEEN FLAGGED ANSWERED UNKEYWORD \$Forwarded").isNotBlank())
            assertTrue(found("\"Hors ligne 2\" SEEN UNFLAGGED KEYWORD \$Forwarded").isNotBlank())
            assertTrue(found("\"Hors ligne 6\" UNSEEN").isNotBlank())

            changes.await { it == Change.Refusals }
            val refusal = cartable.refusals().single()
            assertEquals(ActionKind.RENAME_MAILBOX to "mailbox-exists", refusal.action to refusal.told.key)
            assertEquals("Une boîte porte déjà ce nom.", refusal.told.what)
            assertTrue(cartable.mailboxes().map { it.name }.containsAll(listOf("Brouillons-6e", "Classeur")))
            cartable.forgetRefusals(refusal.id)
            assertTrue(cartable.refusals().isEmpty())

            TestAcademy.deliver("jdupont", "Hors ligne plus jamais", "Bonjour")
            eventually { shown(cartable, inbox(cartable)).find { it == "Hors ligne plus jamais" } }
            changes.await { it is Change.Messages }
            cartable.networkChanged()
            assertFalse(task.isFinished())
            cartable.suspend()
            withTimeout(5_000) { fails<CompanionException.Cancelled> { task.finished() } }
            task.close()
            listening.close()
            cartable.shutdown()
        }
    }

    @Test
    fun `an attachment is saved with its progress, and what is kept can go`() = runBlocking<Unit> {
        TestAcademy.deliverFile("jdupont", "Photos", "photos.bin", 300_000)
        open().use { cartable ->
            cartable.setLink(Link.METERED)
            signIn(cartable, "jdupont")
            cartable.setPrefetchPolicy(Prefetch.NOTHING)
            assertEquals(Prefetch.NOTHING, cartable.prefetchPolicy())
            sync(cartable)
            val row = cartable.messages(inbox(cartable), null, 50u).first { it.subject == "Photos" }
            val opening = Transfer()
            cartable.openMessageTelling(row.id, opening).use { withTimeout(20_000) { it.finished() } }
            val message = opening.messages.take()
            assertEquals("Voir le fichier.", message.text.trim())
            assertTrue(opening.steps.isNotEmpty())
            val file = message.attachments.single()

            val saving = Transfer()
            cartable.saveAttachment(row.id, file.index, folder.path, saving).use { withTimeout(20_000) { it.finished() } }
            val (done, total) = saving.steps.last()
            assertTrue(done == total && total > 300_000uL)
            val saved = saving.files.take()
            assertEquals("photos.bin" to 300_000uL, File(saved.path).name to saved.bytes)
            assertTrue(!saved.damaged && File(saved.path).readText() == "x".repeat(300_000))
            assertEquals(300_000, cartable.attachment(row.id, file.index).bytes.size)

            fun failing(index: UInt, folder: String) =
                fails<CompanionException> { cartable.saveAttachment(row.id, index, folder, Transfer()).use { it.finished() } }
            assertTrue(failing(9u, folder.path) is CompanionException.NotFound)
            assertTrue(failing(file.index, "${folder.path}/nulle-part") is CompanionException.Refused)

            assertEquals(256uL shl 20, cartable.cacheLimit())
            assertTrue(cartable.cacheSize() > 300_000uL)
            cartable.setCacheLimit(100_000uL)
            assertTrue(cartable.cacheLimit() == 100_000uL && cartable.cacheSize() <= 100_000uL)
            cartable.emptyCache()
            assertEquals(0uL, cartable.cacheSize())
            cartable.signOut(false)
            cartable.shutdown()
        }
    }

    @Test
    fun `staying in touch says what the teacher has to do`() = runBlocking<Unit> {
        val byPassword = TestAcademy.profile.replace(Regex("auth = \\[.*]"), "auth = [\"password\"]")
        open(profile = byPassword).use { cartable ->
            cartable.stayInTouch(Touch()).use { nobody -> fails<CompanionException.SignInAgain> { nobody.finished() } }
            signIn(cartable, "jdupont")
            val touch = Touch()
            cartable.stayInTouch(touch).use {
                val needed = touch.await { it is InTouch.NeedsTeacher } as InTouch.NeedsTeacher
                assertEquals(true to "password-needed", needed.signIn to needed.told.key)
                cartable.shutdown()
                withTimeout(5_000) { fails<CompanionException.Cancelled> { it.finished() } }
            }
        }
    }
}

import fr.cartable.ffi.Cartable
import fr.cartable.ffi.Change
import fr.cartable.ffi.ChangeListener
import fr.cartable.ffi.CompanionException
import fr.cartable.ffi.SecretStore
import fr.cartable.ffi.ServiceResolver
import fr.cartable.ffi.SignInState
import fr.cartable.ffi.SyncListener
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

const val ACADEMY = "academie-test"

/** A phone with a folder of its own, and what every test does with it. */
abstract class CompanionTest {
    @TempDir
    lateinit var folder: File

    protected suspend fun open(
        secrets: SecretStore = Keystore(),
        moved: Map<String, String> = emptyMap(),
        profile: String? = TestAcademy.profile,
        services: ServiceResolver? = null,
    ) = Cartable.open(TestAcademy.setup(folder.path, profile, moved), secrets, services)

    protected suspend fun signIn(cartable: Cartable, teacher: String) {
        val state = cartable.beginSignIn(ACADEMY) as SignInState.Browser
        assertEquals("auth.academie.test", state.host)
        val back = TestAcademy.browser(state.url, teacher)
        assertTrue(cartable.browserReturned(back) is SignInState.SignedIn)
    }

    protected suspend fun sync(cartable: Cartable, listener: SyncListener? = null) =
        cartable.sync(listener).use { withTimeout(30_000) { it.finished() } }

    protected inline fun <reified E : CompanionException> fails(crossinline call: suspend () -> Unit): E =
        assertThrows(E::class.java) { runBlocking { call() } }
}

/** Asks until there is an answer, for twenty seconds at most. */
suspend fun <T : Any> eventually(answer: suspend () -> T?): T = withTimeout(20_000) {
    var found = answer()
    while (found == null) {
        delay(50)
        found = answer()
    }
    found
}

class Changes : ChangeListener {
    private val told = LinkedBlockingQueue<Change>()

    override fun onChanges(changes: List<Change>) {
        told.addAll(changes)
        // What a listener throws is its own affair: it goes on being called.
        throw IllegalStateException("on purpose")
    }

    fun await(wanted: (Change) -> Boolean) {
        while (true) if (wanted(told.poll(10, TimeUnit.SECONDS) ?: throw AssertionError("no such change"))) return
    }
}

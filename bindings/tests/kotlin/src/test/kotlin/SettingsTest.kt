import fr.cartable.ffi.CompanionException
import fr.cartable.ffi.MailGeneration
import fr.cartable.ffi.MailLogin
import fr.cartable.ffi.ServerForm
import fr.cartable.ffi.ServiceRecord
import fr.cartable.ffi.ServiceResolver
import fr.cartable.ffi.SettingsField
import fr.cartable.ffi.SettingsSource
import fr.cartable.ffi.SignInState
import fr.cartable.ffi.TlsStart
import fr.cartable.ffi.WayIn
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.CopyOnWriteArrayList

/** A domain's SRV records, as the platform would look them up. */
private class Records(private val known: Map<String, ServiceRecord> = emptyMap()) : ServiceResolver {
    val asked = CopyOnWriteArrayList<String>()

    override fun lookUp(name: String): List<ServiceRecord> {
        asked.add(name)
        if (known.isEmpty()) throw IllegalStateException("on purpose")
        return listOfNotNull(known[name])
    }
}

class SettingsTest : CompanionTest() {
    /** The domain has no web server. */
    private val moved = mapOf("autoconfig.lycee.example" to "127.0.0.66", "lycee.example" to "127.0.0.66")

    @Test
    fun `the settings of an academy are known without asking anybody, and a look-alike is refused`() = runBlocking<Unit> {
        val records = Records()
        open(services = records).use { cartable ->
            val proposal = cartable.findMailSettings("Jdupont@Academie.test")
            assertEquals("academie.test" to ACADEMY, proposal.domain to proposal.academy)
            val choice = proposal.choices.single()
            assertEquals(SettingsSource.Profile(MailGeneration.LEGACY), choice.source)
            assertEquals(listOf("imap.academie.test", "smtp.academie.test"), choice.hosts)
            assertTrue(choice.missing.isEmpty() && choice.warnings.isEmpty())
            assertEquals(TestAcademy.port("imap"), choice.form.imap.port?.toInt())
            assertEquals(MailLogin.IDENTIFIER, choice.form.login)

            val trap = fails<CompanionException.Refused> { cartable.findMailSettings("jeanne.dupont@ac-nancy-rnetz.fr") }
            assertEquals("look-alike", trap.told.key)
            assertTrue(trap.told.what.contains("« ac-nancy-metz.fr »"))
            val slip = fails<CompanionException.Refused> { cartable.findMailSettings("jeanne") }
            assertEquals("not-an-address", slip.told.key)
            assertEquals(emptyList<String>(), records.asked.toList())

            cartable.confirmMailSettings(choice.form)
            assertEquals(ACADEMY, cartable.academy()?.id)
            cartable.shutdown()
        }
    }

    @Test
    fun `a phone lends its look-up, and the teacher confirms what it found`() = runBlocking<Unit> {
        val records = Records(
            mapOf(
                "_imaps._tcp.lycee.example" to ServiceRecord(0u, 1u, 993u, "imap.lycee.example."),
                "_submission._tcp.lycee.example" to ServiceRecord(0u, 1u, 587u, "smtp.ailleurs.example"),
            ),
        )
        open(moved = moved, services = records).use { cartable ->
            val proposal = cartable.findMailSettings("j.dupont@lycee.example")
            assertNull(proposal.academy)
            val choice = proposal.choices.single()
            assertEquals(SettingsSource.Records, choice.source)
            assertEquals(4, records.asked.size)
            assertEquals(ServerForm("imap.lycee.example", 993u, TlsStart.IMPLICIT), choice.form.imap)
            val told = choice.warnings.map { it.told.key to it.host }
            assertEquals(listOf("other-domain" to "smtp.ailleurs.example", "late-tls" to "smtp.ailleurs.example"), told)

            val form = choice.form.copy(smtp = ServerForm("smtp.lycee.example", null, TlsStart.IMPLICIT))
            assertEquals(listOf(SettingsField.SMTP_PORT), cartable.mailSettingsMissing(form))
            assertTrue(cartable.mailSettingsWarnings(form).isEmpty())
            val missing = fails<CompanionException.Refused> { cartable.confirmMailSettings(form) }
            assertEquals("setting-missing", missing.told.key)
            cartable.confirmMailSettings(form.copy(smtp = form.smtp.copy(port = 465u)))
            assertEquals("lycee.example" to WayIn.UNKNOWN, cartable.academy()!!.let { it.name to it.wayIn })
            cartable.shutdown()
        }
    }

    @Test
    fun `a look-up that fails leaves a form to fill in, and says that nobody was reached`() = runBlocking<Unit> {
        val records = Records()
        open(moved = moved, services = records).use { cartable ->
            val choice = cartable.findMailSettings("j.dupont@lycee.example").choices.single()
            assertEquals(SettingsSource.Hand, choice.source)
            assertEquals(listOf(SettingsField.IMAP_HOST, SettingsField.SMTP_HOST, SettingsField.LOGIN), choice.missing)
            assertEquals(listOf("not-searched"), choice.warnings.map { it.told.key })
            assertEquals(4, records.asked.size)
            cartable.shutdown()
        }
    }

    @Test
    fun `at an academy of no profile the mail servers say who it is`() = runBlocking<Unit> {
        val records = Records(
            mapOf(
                "_imaps._tcp.academie.test" to ServiceRecord(0u, 1u, TestAcademy.port("imap").toUShort(), "imap.academie.test"),
                "_submissions._tcp.academie.test" to
                    ServiceRecord(0u, 1u, TestAcademy.port("smtp").toUShort(), "smtp.academie.test"),
            ),
        )
        val moved = mapOf("autoconfig.academie.test" to "127.0.0.66", "academie.test" to "127.0.0.66")
        open(moved = moved, profile = null, services = records).use { cartable ->
            assertEquals(emptyList<Any>(), cartable.academies("essai"))
            val choice = cartable.findMailSettings("jdupont@academie.test").choices.single()
            assertTrue(choice.missing.isEmpty() && choice.warnings.isEmpty())
            cartable.confirmMailSettings(choice.form.copy(login = MailLogin.IDENTIFIER))
            val own = cartable.academy()!!
            val asked = cartable.beginSignIn(own.id) as SignInState.Introduction
            assertEquals(own.mailDomains, asked.domains)
            assertTrue(cartable.introduce("jdupont", "jdupont@academie.test") is SignInState.SignedIn)
            cartable.setMailPassword("Secret-1234")
            sync(cartable)
            assertTrue(cartable.mailboxes().isNotEmpty())
            cartable.shutdown()
        }
    }
}

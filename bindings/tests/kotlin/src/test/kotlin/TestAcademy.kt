import com.google.gson.JsonArray
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import fr.cartable.ffi.NetworkSettings
import fr.cartable.ffi.SecretStore
import fr.cartable.ffi.SecretStoreException
import fr.cartable.ffi.Setup
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.util.concurrent.ConcurrentHashMap

/** The academy that `../run` has started, and its control. */
object TestAcademy {
    private val hello: JsonObject = JsonParser.parseString(System.getenv("CARTABLE_ACADEMY")).asJsonObject
    private val http: HttpClient = HttpClient.newHttpClient()

    val profile: String = hello["profile"].asString

    /** The same academy for an app that fills in the portal's form. */
    val formProfile: String = hello["profiles"].asJsonObject["form"].asString

    /** The same for an app of whose portal nothing is known but its page. */
    val browserProfile: String = hello["profiles"].asJsonObject["browser"].asString

    /** The port in the profile's line that begins with `server`. */
    fun port(server: String): Int =
        Regex("""^$server = \{.*port = (\d+)""", RegexOption.MULTILINE).find(profile)!!.groupValues[1].toInt()

    fun setup(
        folder: String,
        profile: String? = this.profile,
        moved: Map<String, String> = emptyMap(),
        language: String = "fr-FR",
    ): Setup {
        val hosts = hello["hosts"].asJsonArray.associate { it.asJsonArray[0].asString to it.asJsonArray[1].asString }
        return Setup(folder, language, listOfNotNull(profile), NetworkSettings(hello["ca_pem"].asString, hosts + moved))
    }

    /** What the teacher's browser does with `url`; gives the address by which it hands back. */
    fun browser(url: String, teacher: String): String =
        post("/browser/sign-in", json("url" to url, "teacher" to teacher))["redirect"].asString

    fun deliver(to: String, subject: String, text: String) {
        post("/mail/deliver", json("to" to "$to@academie.test", "subject" to subject, "text" to text))
    }

    fun subjects(teacher: String, mailbox: String): List<String> =
        get("/mailbox?teacher=$teacher&mailbox=$mailbox")["subjects"].asJsonArray.map { it.asString }

    /** What the mail server says to these IMAP commands of another client of the teacher's. */
    fun otherClient(teacher: String, vararg commands: String): List<String> {
        val asked = json("teacher" to teacher).apply { add("commands", JsonArray().apply { commands.forEach(::add) }) }
        return post("/mailbox", asked)["lines"].asJsonArray.map { it.asString.trim() }
    }

    /** Puts a mail with a file of so many `x` into the inbox. */
    fun deliverFile(to: String, subject: String, name: String, size: Int) {
        val mail = json("to" to "$to@academie.test", "subject" to subject, "name" to name)
        post("/mail/attachment", mail.apply { addProperty("size", size) })
    }

    /** What stands at `url` for a teacher's browser, which types nothing. */
    fun look(url: String, teacher: String): String =
        post("/browser/visit", json("url" to url, "teacher" to teacher).apply { addProperty("typing", false) })["text"].asString

    /** The code in the portal's newest mail after the first `before` of the inbox. */
    fun mailedCode(teacher: String, before: Int): String = get("/mail/code?teacher=$teacher&before=$before")["code"].asString

    /** Puts a mail with a code into the inbox, as the portal's are. */
    fun deliverCode(teacher: String, code: String, minutesAgo: Int) {
        post("/mail/code", json("teacher" to teacher, "code" to code).apply { addProperty("minutes_ago", minutesAgo) })
    }

    /** Somebody types wrong passwords at the portal. */
    fun guess(teacher: String, times: Int) {
        post("/portal/guess", json("teacher" to teacher).apply { addProperty("times", times) })
    }

    /** The address of a way to the server `host` on which everything takes so long, each way. */
    fun slow(host: String, ms: Int): String =
        post("/wire", json("host" to host, "fault" to "none").apply { addProperty("delay_ms", ms) })["address"].asString

    fun enrolTotp(teacher: String) {
        post("/totp/enrol", json("teacher" to teacher))
    }

    fun totpCode(teacher: String): String = get("/totp/code?teacher=$teacher")["code"].asString

    /** Gives the teacher a phone that the academy prompts. */
    fun enrolPhone(teacher: String) {
        post("/push/phone", json("teacher" to teacher))
    }

    /** Waits for the prompt on that phone, and approves it. */
    fun approve(teacher: String) {
        post("/push/approve", json("teacher" to teacher))
    }

    private fun json(vararg texts: Pair<String, String>) =
        JsonObject().apply { texts.forEach { (name, value) -> addProperty(name, value) } }

    private fun get(path: String): JsonObject = send(HttpRequest.newBuilder(uri(path)).GET())

    private fun post(path: String, body: JsonObject): JsonObject =
        send(HttpRequest.newBuilder(uri(path)).POST(HttpRequest.BodyPublishers.ofString(body.toString())))

    private fun send(request: HttpRequest.Builder): JsonObject {
        val answer = http.send(request.build(), HttpResponse.BodyHandlers.ofString())
        check(answer.statusCode() == 200) { answer.body() }
        return JsonParser.parseString(answer.body()).asJsonObject
    }

    private fun uri(path: String) = URI(hello["control"].asString + path)
}

/** A keystore in memory, which may be locked. */
class Keystore : SecretStore {
    val secrets = ConcurrentHashMap<String, String>()

    @Volatile
    var failure: Exception? = null

    override fun put(key: String, secret: String) {
        failure?.let { throw it }
        secrets[key] = secret
    }

    override fun load(key: String): String? {
        failure?.let { throw it }
        return secrets[key]
    }

    override fun delete(key: String) {
        failure?.let { throw it }
        secrets.remove(key)
    }

    fun lock() {
        failure = SecretStoreException.Locked()
    }
}

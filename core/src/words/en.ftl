no-network = No network.
no-network-next = Check Wi-Fi or mobile data, then try again.
unreachable = The academy’s server cannot be reached.
unreachable-next = The school’s network may block it: try mobile data.
silent = The academy’s server does not answer.
silent-next = Try again in a few minutes; nothing is lost.
cut = The connection was cut.
cut-next = Try again; what was done is kept.
intercepted = The connection is not safe: this network stands between you and the academy.
intercepted-next = Do not go on here. Use mobile data, and tell the support desk if it happens again.
certificate-date = The server’s certificate is not valid on this phone’s date.
certificate-date-next = Check the phone’s date and time. If they are right the server is at fault: try later.
unsafe = The server offers no safe connection.
unsafe-next = Nothing was sent. Use another network or tell the support desk.
portal-broken = The academy’s portal is out of order.
portal-broken-next = Try again in a few minutes. Your password is not the cause.
unofficial = “{ $host }” is not an address of your academy.
unofficial-next = Nothing was sent. If a message led you there, report it and delete it.
not-ours = This answer does not belong to the sign-in that you asked for.
not-ours-next = Start the sign-in again from the app.
phone-clock = This phone and the portal do not agree on the time.
phone-clock-next = Set the phone’s date and time to “automatic”, then start again. If they are right the portal is at fault: try later.
sign-in-refused = The portal did not accept the sign-in.
sign-in-refused-next = Start the sign-in again; if the portal still refuses, contact the support desk.
sign-in-wrong = The portal refuses this identifier or password.
sign-in-wrong-next =
    { $left ->
        [0] Wait before trying again: one more try might lock your account.
        [one] Check both, capital letters too. One try is left before a pause.
       *[other] Check both, capital letters too. { $left } tries are left before a pause.
    }
known-wrong = This password has been refused before; it was not sent again.
known-wrong-next = Type another one, or reset it.
address-typed = This is an address; the portal wants your identifier.
address-typed-next = Type your identifiant académique, without @. Nothing was sent.
incomplete = Something is missing.
incomplete-next = Fill in every field. Nothing was sent.
code-wrong = This code is not the right one.
code-wrong-next =
    { $left ->
        [0] Wait before trying again: one more try might lock your account.
        [one] Type the new code. One try is left before a pause.
       *[other] Type the new code. { $left } tries are left before a pause.
    }
not-approved = The sign-in was not approved on the phone.
not-approved-next =
    { $left ->
        [0] Wait before trying again: one more try might lock your account.
       *[other] A new prompt is on its way: approve it, then go on here.
    }
too-late = It took too long.
too-late-next = Type the new code, or begin the sign-in again. This does not count as a mistake.
too-soon = A code has just been sent.
too-soon-next = Look at your messages, junk too, before you ask for another.
code-resent = Another mail is on its way.
code-resent-next = Type the newest code.
stray-answer = An answer came that does not belong to this sign-in.
stray-answer-next = It is ignored. Go on in the browser, or open the portal's page again.
browser-needed = The portal asks for a step that only a browser can show.
browser-needed-next = Go on in the browser, then come back here.
account-blocked = Your account is blocked by the academy.
account-blocked-next = Only the support desk can open it: call them. Your password is not the reason.
password-ended = Your password has expired.
password-ended-next = Change it on the academy's portal, then sign in here again.
password-to-change = Your password must be changed before you go on.
password-to-change-next = Change it on the academy's portal, then sign in here again.
no-way-in = The app cannot sign in to this academy yet.
no-way-in-next = Open the portal in your browser meanwhile.
sign-out-first = Another academy is open in the app.
sign-out-first-next = Sign out first, then choose this one.
already-here = This account is on the phone already.
already-here-next = Choose it in the list of accounts.
unsent =
    { $letters ->
        [one] One message has not left yet.
       *[other] { $letters } messages have not left yet.
    }
unsent-next = Send them before you sign out, or accept to lose them.
session-ended = Your session has ended.
session-ended-next = Sign in again; your messages stay on the phone.
service-no-session = You are not signed in in the app: this service will ask you to sign in.
service-no-session-next = Sign in in the app first, or sign in on the service’s page.
service-session-ended = Your session at the portal has ended: this service will ask you to sign in.
service-session-ended-next = Sign in again in the app, or sign in on the portal’s page.
service-unknown-way = This service may ask you to sign in.
service-unknown-way-next = Check the address shown before you type your password.
service-own-sign-in = This service has a password of its own.
service-own-sign-in-next = Sign in on its page.
service-only-by-browser = This service knows the browser only: it will ask you to sign in once.
service-only-by-browser-next = Sign in on the portal’s page; the browser will remember it.
service-not-for-you = The portal does not open this service with your account.
service-not-for-you-next = If you should have access, contact the support desk.
password-needed = The mail server wants a password.
password-needed-next = Type the mail password.
password-wrong = The mail server refuses this password.
password-wrong-next = It will not be sent again. Type the current password.
app-password-needed = The mail server wants an app password.
app-password-needed-next = Make one in the settings of the webmail, then type it here. The portal’s password does not serve.
app-password-wrong = The mail server refuses this app password.
app-password-wrong-next = It will not be sent again. Make a new one in the settings of the webmail; the portal’s password is not the cause.
unasked-code = The portal sent a sign-in code that this app did not ask for.
unasked-code-next = Unless you are signing in elsewhere yourself, somebody may know your password: change it now, and give this code to nobody.
wait-to-try =
    { $minutes ->
        [one] One more minute before the next try.
       *[other] { $minutes } more minutes before the next try.
    }
wait-to-try-next = One more try might lock your account. Wait, or reset the password.
account-locked =
    { $minutes ->
        [0] Your account is locked for { $seconds } more seconds.
        [one] Your account is locked for one more minute.
       *[other] Your account is locked for { $minutes } more minutes.
    }
account-locked-next = Wait for the countdown to end: nothing is tried before. If you typed nothing wrong, somebody else did: tell the support desk.
mail-refused = The mail server refused: { $said }
mail-refused-next = Try again; if it goes on, contact the support desk with this message.
mail-down = The mail server is out of order.
mail-down-next = Try again in a few minutes. Your password is not the cause.
mail-broken = The mail server’s answer makes no sense.
mail-broken-next = Try again later; your messages are untouched.
mailbox-full = The mailbox is full.
mailbox-full-next = Empty the bin or delete large messages, then try again.
no-mail-server = The mail server of this academy is not known.
no-mail-server-next = Type the settings that the academy gave you.
not-an-address = This is neither an address nor the name of a server.
not-an-address-next = Type the whole address, for instance prenom.nom@ac-lyon.fr.
look-alike = “{ $host }” looks like “{ $official }”, but is not that academy's.
look-alike-next = Nothing was sent. Use the official { $official }; if a message gave you the other one, report it.
link-elsewhere = This link shows “{ $shown }” but leads to “{ $host }”.
link-elsewhere-next = Type no password there. When in doubt, take the address you know.
link-letters = The address of this link has letters that imitate others: “{ $host }”.
link-letters-next = Type no password there. When in doubt, take the address you know.
link-number = This link leads to a machine without a name, “{ $host }”.
link-number-next = Open it only if you know who sends it, and type no password there.
setting-missing = A mail setting is missing.
setting-missing-next = Fill in the marked field with what the academy gives.
bad-host = This is not the name of a server.
bad-host-next = Type a name such as imap.example.org, without a port and not a numeric address.
bad-port = This is not a port number.
bad-port-next = The usual ports are 993 to receive and 465 to send.
no-password-taken = These mail servers take no password.
no-password-taken-next = The app cannot sign in there yet; read this mail in the webmail.
other-domain = “{ $host }” is not in the domain “{ $domain }”.
other-domain-next = Confirm only if your school or academy gave you this server.
late-tls = “{ $host }” begins unencrypted and then becomes safe.
late-tls-next = The app sends nothing there before the connection is safe. If the academy gives another port, prefer that.
not-searched = The settings could not be looked for.
not-searched-next = Check the network and try again, or type the settings that the academy gives.
mailbox-gone = The mailbox is not there any more.
mailbox-gone-next = The messages concerned are where the server keeps them.
mailbox-exists = There is a mailbox of that name already.
mailbox-exists-next = Choose another name.
mailbox-changed = Other messages have come into the mailbox that was to be deleted.
mailbox-changed-next = It is kept: look at them, then delete it again.
mailbox-protected = This mailbox can be neither renamed nor deleted.
mailbox-protected-next = The mail needs it.
mailbox-not-allowed = This mailbox is shared with you, and its owner does not allow this.
mailbox-not-allowed-next = Nothing was changed. Ask its owner for the right to do it.
bad-mailbox-name = A mailbox cannot have that name.
bad-mailbox-name-next = Avoid characters like / * %, and names of more than 60 characters.
cannot-undo = This cannot be undone any more.
cannot-undo-next = The server has done it already.
not-sent = The message has not left yet.
not-sent-next = It stays in the outbox and leaves at the next try.
perhaps-sent = The message may have been sent.
perhaps-sent-next = Look into the sent messages before sending it again.
bad-letter = The message cannot be sent as it is.
bad-letter-next = Check the addresses; your text is kept.
undelivered =
    Your message did not reach { $address }{ $others ->
        [0] { "" }
        [one] { " " }and one other address
       *[other] { " " }and { $others } other addresses
    }{ $why ->
        [unknown] : there is no such address.
        [full] : the mailbox is full.
        [large] : it is too large.
        [closed] : that mailbox takes no mail any more.
        [refused] : the recipient’s server refused it.
        [unreachable] : the recipient’s server cannot be found or reached.
       *[other] .
    }
undelivered-next =
    { $why ->
        [unknown] Check the address and send it again.
        [large] Send it without attachments, or with a link.
        [refused] Ask this person by another way how to write to them.
       *[other] Try again later, or tell this person by another way.
    }
delivery-delayed =
    Your message has not reached { $address }{ $others ->
        [0] { " " }yet.
        [one] { " " }and one other address yet.
       *[other] { " " }and { $others } other addresses yet.
    }
delivery-delayed-next = Nothing to do: the server goes on trying and will tell you if it gives up.
delivered =
    Your message reached { $address }{ $others ->
        [0] .
        [one] { " " }and one other address.
       *[other] { " " }and { $others } other addresses.
    }
delivered-next = Nothing to do. It does not say that it was read.
encrypted-message = This message is encrypted: the app cannot read it.
encrypted-message-next = Open it where your key is, or ask to have it sent again without encryption.
signed-message = This message is signed; the signature was not checked here.
signed-message-next = Trust the sender as with any other message.
outlook-attachment = An attachment is in Outlook’s own format (winmail.dat).
outlook-attachment-next = Ask the sender to send the message again as HTML or text.
automatic-answer = This is an automatic answer.
automatic-answer-next = The person may not have read your message yet.
too-large = This message is too large for the phone ({ $megabytes } MB).
too-large-next = Open it in the webmail.
gone = It is no longer there.
gone-next = Refresh the list.
secrets-locked = The phone’s keystore is locked.
secrets-locked-next = Unlock the phone, then try again.
no-keystore = The phone’s keystore does not answer.
no-keystore-next = Restart the phone. If it goes on, you will have to sign in again.
storage-damaged = The app’s data are damaged.
storage-damaged-next = Agree to have them put in order: your messages are still on the server, and what you had not sent yet is carried over as far as it can be read.
disk-full = The phone has no space left.
disk-full-next = Free some space, then try again; nothing is lost.
not-writable = The app cannot write its data.
not-writable-next = Free some space or reinstall the app.
bad-folder = The file cannot be saved in this folder.
bad-folder-next = Choose another folder.
newer-version = These data are from a newer version of the app.
newer-version-next = Update the app.
cancelled = Cancelled.
cancelled-next = What was done is kept.
bug = The app made a mistake.
bug-next = Try again; if it happens again, send the report to the support desk.

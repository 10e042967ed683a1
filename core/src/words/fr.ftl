no-network = Pas de réseau.
no-network-next = Vérifiez le Wi-Fi ou les données mobiles, puis réessayez.
unreachable = Le serveur de l’académie est injoignable.
unreachable-next = Le réseau de l’établissement le bloque peut-être : essayez avec les données mobiles.
silent = Le serveur de l’académie ne répond pas.
silent-next = Réessayez dans quelques minutes ; rien n’est perdu.
cut = La connexion a été coupée.
cut-next = Réessayez ; ce qui était fait est gardé.
intercepted = La connexion n’est pas sûre : ce réseau se place entre vous et l’académie.
intercepted-next = Ne continuez pas ici. Passez sur les données mobiles, puis prévenez le support si cela recommence.
certificate-date = Le certificat du serveur n’est pas valable à la date de ce téléphone.
certificate-date-next = Vérifiez la date et l’heure du téléphone. Si elles sont justes, le serveur est en faute : réessayez plus tard.
unsafe = Le serveur ne propose pas de connexion sûre.
unsafe-next = Rien n’a été envoyé. Passez sur un autre réseau ou prévenez le support.
portal-broken = Le portail de l’académie est en panne.
portal-broken-next = Réessayez dans quelques minutes. Votre mot de passe n’est pas en cause.
unofficial = « { $host } » n’est pas une adresse de votre académie.
unofficial-next = Rien n’a été envoyé. Si un message vous y a conduit, signalez-le et supprimez-le.
not-ours = Cette réponse ne correspond pas à la connexion que vous avez demandée.
not-ours-next = Recommencez la connexion depuis l’application.
phone-clock = Ce téléphone et le portail ne sont pas à la même heure.
phone-clock-next = Réglez la date et l’heure du téléphone sur « automatique », puis recommencez. Si elles sont justes, le portail est en faute : réessayez plus tard.
sign-in-refused = La connexion n’a pas été acceptée par le portail.
sign-in-refused-next = Recommencez la connexion ; si le portail la refuse encore, contactez le support.
sign-in-wrong = Identifiant ou mot de passe refusé par le portail.
sign-in-wrong-next =
    { $left ->
        [0] Attendez avant de réessayer : un essai de plus pourrait bloquer votre compte.
        [one] Vérifiez les deux, majuscules comprises. Il reste un essai avant une pause.
       *[other] Vérifiez les deux, majuscules comprises. Il reste { $left } essais avant une pause.
    }
known-wrong = Ce mot de passe a déjà été refusé ; il n’a pas été renvoyé.
known-wrong-next = Saisissez-en un autre, ou réinitialisez-le.
address-typed = C’est une adresse ; le portail attend votre identifiant.
address-typed-next = Saisissez l’identifiant académique, sans @. Rien n’a été envoyé.
incomplete = Il manque quelque chose.
incomplete-next = Remplissez tous les champs. Rien n’a été envoyé.
code-wrong = Ce code n’est pas le bon.
code-wrong-next =
    { $left ->
        [0] Attendez avant de réessayer : un essai de plus pourrait bloquer votre compte.
        [one] Saisissez le nouveau code. Il reste un essai avant une pause.
       *[other] Saisissez le nouveau code. Il reste { $left } essais avant une pause.
    }
not-approved = La connexion n’a pas été approuvée sur le téléphone.
not-approved-next =
    { $left ->
        [0] Attendez avant de réessayer : un essai de plus pourrait bloquer votre compte.
       *[other] Une nouvelle demande arrive : approuvez-la, puis continuez ici.
    }
too-late = Le délai est dépassé.
too-late-next = Saisissez le nouveau code, ou recommencez la connexion. Cela ne compte pas comme une erreur.
too-soon = Un code vient déjà de partir.
too-soon-next = Regardez vos messages, indésirables compris, avant d’en demander un autre.
code-resent = Un nouveau courriel est parti.
code-resent-next = Saisissez le code le plus récent.
stray-answer = Une réponse est arrivée qui ne correspond pas à cette connexion.
stray-answer-next = Elle est ignorée. Continuez dans le navigateur, ou rouvrez la page du portail.
browser-needed = Le portail demande une étape que seul le navigateur peut montrer.
browser-needed-next = Continuez dans le navigateur, puis revenez ici.
account-blocked = Votre compte est bloqué par l’académie.
account-blocked-next = Seul le support peut le débloquer : appelez-le. Votre mot de passe n’est pas en cause.
password-ended = Votre mot de passe a expiré.
password-ended-next = Changez-le sur le portail de l’académie, puis reconnectez-vous ici.
password-to-change = Votre mot de passe doit être changé avant de continuer.
password-to-change-next = Changez-le sur le portail de l’académie, puis reconnectez-vous ici.
no-way-in = L’application ne sait pas encore se connecter à cette académie.
no-way-in-next = Ouvrez le portail dans votre navigateur en attendant.
sign-out-first = Une autre académie est ouverte dans l’application.
sign-out-first-next = Déconnectez-vous d’abord, puis choisissez celle-ci.
already-here = Ce compte est déjà sur ce téléphone.
already-here-next = Choisissez-le dans la liste des comptes.
unsent =
    { $letters ->
        [one] Un message n’est pas encore parti.
       *[other] { $letters } messages ne sont pas encore partis.
    }
unsent-next = Envoyez-les avant de vous déconnecter, ou acceptez de les perdre.
session-ended = Votre session est terminée.
session-ended-next = Connectez-vous de nouveau ; vos messages restent dans le téléphone.
service-no-session = Vous n’êtes pas connecté dans l’application : ce service vous demandera de vous identifier.
service-no-session-next = Connectez-vous d’abord dans l’application, ou identifiez-vous sur la page du service.
service-session-ended = Votre session au portail est terminée : ce service vous demandera de vous identifier.
service-session-ended-next = Reconnectez-vous dans l’application, ou identifiez-vous sur la page du portail.
service-unknown-way = Ce service vous demandera peut-être de vous identifier.
service-unknown-way-next = Vérifiez l’adresse affichée avant de saisir votre mot de passe.
service-own-sign-in = Ce service a son propre mot de passe.
service-own-sign-in-next = Identifiez-vous sur sa page.
service-only-by-browser = Ce service ne connaît que le navigateur : il vous demandera de vous identifier une fois.
service-only-by-browser-next = Identifiez-vous sur la page du portail ; le navigateur s’en souviendra.
service-not-for-you = Le portail n’ouvre pas ce service avec votre compte.
service-not-for-you-next = Si vous devriez y avoir accès, contactez le support.
password-needed = Le serveur de messagerie demande un mot de passe.
password-needed-next = Saisissez le mot de passe de la messagerie.
password-wrong = Le serveur de messagerie refuse ce mot de passe.
password-wrong-next = Il ne sera pas renvoyé. Saisissez le mot de passe actuel.
app-password-needed = Le serveur de messagerie demande un mot de passe d’application.
app-password-needed-next = Créez-le dans les réglages du webmail, puis saisissez-le ici. Celui du portail ne convient pas.
app-password-wrong = Le serveur de messagerie refuse ce mot de passe d’application.
app-password-wrong-next = Il ne sera pas renvoyé. Créez-en un nouveau dans les réglages du webmail ; le mot de passe du portail n’est pas en cause.
unasked-code = Le portail a envoyé un code de connexion que cette application n’a pas demandé.
unasked-code-next = Si vous ne vous connectez pas vous-même ailleurs, quelqu’un connaît peut-être votre mot de passe : changez-le maintenant et ne donnez ce code à personne.
wait-to-try =
    { $minutes ->
        [one] Encore une minute avant de réessayer.
       *[other] Encore { $minutes } minutes avant de réessayer.
    }
wait-to-try-next = Un essai de plus pourrait bloquer votre compte. Attendez, ou réinitialisez le mot de passe.
account-locked =
    { $minutes ->
        [0] Votre compte est verrouillé pour { $seconds } s encore.
        [one] Votre compte est verrouillé pour une minute encore.
       *[other] Votre compte est verrouillé pour { $minutes } minutes encore.
    }
account-locked-next = Attendez la fin du décompte : rien ne sera essayé avant. Si vous n’avez rien tapé de faux, quelqu’un d’autre l’a fait : prévenez le support.
mail-refused = Le serveur de messagerie a refusé : { $said }
mail-refused-next = Réessayez ; si cela continue, contactez le support avec ce message.
mail-down = Le serveur de messagerie est en panne.
mail-down-next = Réessayez dans quelques minutes. Votre mot de passe n’est pas en cause.
mail-broken = Le serveur de messagerie répond de façon incompréhensible.
mail-broken-next = Réessayez plus tard ; vos messages ne sont pas touchés.
mailbox-full = La boîte est pleine.
mailbox-full-next = Videz la corbeille ou supprimez de gros messages, puis réessayez.
no-mail-server = Le serveur de messagerie de cette académie n’est pas connu.
no-mail-server-next = Saisissez les réglages donnés par l’académie.
not-an-address = Ce n’est ni une adresse ni un nom de serveur.
not-an-address-next = Saisissez l’adresse en entier, par exemple prenom.nom@ac-lyon.fr.
look-alike = « { $host } » ressemble à « { $official } », mais n’est pas à cette académie.
look-alike-next = Rien n’a été envoyé. Reprenez l’adresse officielle, { $official } ; si un message vous a donné l’autre, signalez-le.
link-elsewhere = Ce lien affiche « { $shown } », mais mène à « { $host } ».
link-elsewhere-next = N’y tapez aucun mot de passe. Dans le doute, passez par l’adresse que vous connaissez.
link-letters = L’adresse de ce lien a des lettres qui en imitent d’autres : « { $host } ».
link-letters-next = N’y tapez aucun mot de passe. Dans le doute, passez par l’adresse que vous connaissez.
link-number = Ce lien mène à une machine sans nom, « { $host } ».
link-number-next = Ne l’ouvrez que si vous savez qui vous l’envoie, et n’y tapez aucun mot de passe.
setting-missing = Il manque un réglage de messagerie.
setting-missing-next = Complétez le champ signalé avec ce que donne l’académie.
bad-host = Ce n’est pas un nom de serveur.
bad-host-next = Saisissez un nom comme imap.exemple.fr, sans port ni adresse chiffrée.
bad-port = Ce n’est pas un numéro de port.
bad-port-next = Les ports habituels sont 993 pour recevoir et 465 pour envoyer.
no-password-taken = Ces serveurs de messagerie n’acceptent pas de mot de passe.
no-password-taken-next = L’application ne peut pas encore s’y connecter ; lisez ces messages dans le webmail.
other-domain = « { $host } » n’est pas dans le domaine « { $domain } ».
other-domain-next = Ne confirmez que si votre établissement ou votre académie vous a donné ce serveur.
late-tls = « { $host } » commence sans chiffrement, puis passe en connexion sûre.
late-tls-next = L’application n’y envoie rien avant la connexion sûre. Si l’académie donne un autre port, préférez-le.
not-searched = Les réglages n’ont pas pu être cherchés.
not-searched-next = Vérifiez le réseau et réessayez, ou saisissez les réglages donnés par l’académie.
mailbox-gone = La boîte n’existe plus.
mailbox-gone-next = Les messages concernés sont là où le serveur les garde.
mailbox-exists = Une boîte porte déjà ce nom.
mailbox-exists-next = Choisissez un autre nom.
mailbox-changed = D’autres messages sont arrivés dans la boîte à supprimer.
mailbox-changed-next = Elle est gardée : regardez-les, puis supprimez-la de nouveau.
mailbox-protected = Cette boîte ne peut être ni renommée ni supprimée.
mailbox-protected-next = La messagerie en a besoin.
mailbox-not-allowed = Cette boîte est partagée avec vous, sans le droit de faire cela.
mailbox-not-allowed-next = Rien n’a été changé. Demandez ce droit à la personne qui la partage.
bad-mailbox-name = Une boîte ne peut pas porter ce nom.
bad-mailbox-name-next = Évitez les caractères comme / * %, et les noms de plus de 60 caractères.
cannot-undo = Ce n’est plus annulable.
cannot-undo-next = Le serveur l’a déjà fait.
not-sent = Le message n’est pas encore parti.
not-sent-next = Il reste dans la boîte d’envoi et partira au prochain essai.
perhaps-sent = Le message est peut-être parti.
perhaps-sent-next = Regardez dans les messages envoyés avant de le renvoyer.
bad-letter = Le message ne peut pas être envoyé tel quel.
bad-letter-next = Vérifiez les adresses ; votre texte est gardé.
undelivered =
    Votre message n’est pas arrivé à { $address }{ $others ->
        [0] { "" }
        [one] { " " }et à une autre adresse
       *[other] { " " }et à { $others } autres adresses
    }{ $why ->
        [unknown] { " " }: cette adresse n’existe pas.
        [full] { " " }: la boîte est pleine.
        [large] { " " }: il est trop gros.
        [closed] { " " }: cette boîte ne reçoit plus de messages.
        [refused] { " " }: le serveur du destinataire l’a refusé.
        [unreachable] { " " }: le serveur du destinataire est introuvable ou injoignable.
       *[other] .
    }
undelivered-next =
    { $why ->
        [unknown] Vérifiez l’adresse, puis renvoyez-le.
        [large] Envoyez-le sans pièce jointe, ou avec un lien.
        [refused] Demandez à cette personne, par un autre moyen, comment lui écrire.
       *[other] Réessayez plus tard, ou prévenez cette personne par un autre moyen.
    }
delivery-delayed =
    Votre message n’est pas encore arrivé à { $address }{ $others ->
        [0] .
        [one] { " " }et à une autre adresse.
       *[other] { " " }et à { $others } autres adresses.
    }
delivery-delayed-next = Rien à faire : le serveur continue d’essayer et vous préviendra s’il abandonne.
delivered =
    Votre message est arrivé à { $address }{ $others ->
        [0] .
        [one] { " " }et à une autre adresse.
       *[other] { " " }et à { $others } autres adresses.
    }
delivered-next = Rien à faire. Cela ne dit pas qu’il a été lu.
encrypted-message = Ce message est chiffré : l’application ne peut pas le lire.
encrypted-message-next = Ouvrez-le là où se trouve votre clé, ou demandez qu’on vous le renvoie sans chiffrement.
signed-message = Ce message est signé ; la signature n’a pas été vérifiée ici.
signed-message-next = Fiez-vous à l’expéditeur comme pour tout autre message.
outlook-attachment = Une pièce jointe est au format propre à Outlook (winmail.dat).
outlook-attachment-next = Demandez à l’expéditeur de renvoyer son message au format HTML ou texte.
automatic-answer = C’est une réponse automatique.
automatic-answer-next = La personne n’a peut-être pas encore lu votre message.
too-large = Ce message est trop gros pour le téléphone ({ $megabytes } Mo).
too-large-next = Ouvrez-le dans le webmail.
gone = Ce n’est plus là.
gone-next = Actualisez la liste.
secrets-locked = Le coffre du téléphone est verrouillé.
secrets-locked-next = Déverrouillez le téléphone, puis réessayez.
no-keystore = Le coffre du téléphone ne répond pas.
no-keystore-next = Redémarrez le téléphone. Si cela continue, il faudra vous connecter de nouveau.
storage-damaged = Les données de l’application sont abîmées.
storage-damaged-next = Acceptez de les remettre en état : vos messages sont toujours sur le serveur, et ce que vous n’aviez pas encore envoyé est repris autant que possible.
disk-full = Le téléphone n’a plus de place.
disk-full-next = Libérez de la place, puis réessayez ; rien n’est perdu.
not-writable = L’application ne peut pas écrire ses données.
not-writable-next = Libérez de la place ou réinstallez l’application.
bad-folder = Le fichier ne peut pas être enregistré dans ce dossier.
bad-folder-next = Choisissez un autre dossier.
newer-version = Ces données viennent d’une version plus récente de l’application.
newer-version-next = Mettez l’application à jour.
cancelled = Annulé.
cancelled-next = Ce qui était fait est gardé.
bug = L’application s’est trompée.
bug-next = Réessayez ; si cela recommence, envoyez le rapport au support.

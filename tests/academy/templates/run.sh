# The watchdog: lays out the spools, starts the servers and waits for the end of its standard input, which the
# test process holds. However that process dies, the servers stop and the folder goes.
RUN={{RUN}}
umask 022
cd "$RUN" || exit 1
names=

# Each server leads its own session, so that its children are found by its group.
launch() {
  name=$1; shift
  setsid "$@" </dev/null >"logs/$name.log" 2>&1 &
  echo $! >"pids/$name.new" && mv "pids/$name.new" "pids/$name"
  names="$names $name"
}

signal() {
  for name in $names; do kill -s "$1" -- "$2$(cat "pids/$name")" 2>/dev/null; done
}

finish() {
  trap - EXIT
  signal TERM ""
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    alive=no
    for name in $names; do kill -s 0 -- "-$(cat "pids/$name")" 2>/dev/null && alive=yes; done
    [ $alive = no ] && break
    sleep 0.1
  done
  signal KILL -
  cd / && rm -rf "$RUN"
}
trap finish EXIT

set -e
mkdir -p ldap/db llng/cache llng/sessions/lock llng/psessions/lock dovecot/state postfix
install -d -o nobody -g nogroup mail
cd postfix
install -d spool spool/pid
install -d -o postfix data
for d in active bounce corrupt defer deferred flush hold incoming private saved trace; do
  install -d -m 700 -o postfix "spool/$d"
done
install -d -m 730 -o postfix -g postdrop spool/maildrop
install -d -m 710 -o postfix -g postdrop spool/public
cd ..
/usr/sbin/slapadd -q -f ldap/slapd.conf -l ldap/base.ldif
set +e

launch slapd /usr/sbin/slapd -d 0 -h "ldap://127.0.0.1:{{LDAP}}/" -f "$RUN/ldap/slapd.conf"
launch dovecot /usr/sbin/dovecot -F -c "$RUN/dovecot/dovecot.conf"
launch postfix env "MAIL_CONFIG=$RUN/postfix/etc" /usr/lib/postfix/sbin/master -d -c "$RUN/postfix/etc"
launch portal env "LLNG_DEFAULTCONFFILE=$RUN/llng/lemonldap-ng.ini" LANG=C.UTF-8 starman --workers 3 --preload-app \
  --listen "127.0.0.1:{{PORTAL}}:ssl" --listen "127.0.0.1:{{INTROSPECTION}}" \
  --ssl-cert "$RUN/ca/chain.pem" --ssl-key "$RUN/ca/server.key" --pid "$RUN/llng/starman.pid" "$RUN/llng/app.psgi"

# Laid out where it was asked for. Isolated, so that no PYTHON variable and no package of the user changes it.
if [ -f push/pi.cfg ]; then
  launch push env "HOME=$RUN/push" "PRIVACYIDEA_CONFIGFILE=$RUN/push/pi.cfg" "$(cat push/python)" -IB -m gunicorn \
    --no-control-socket --workers 1 --threads 8 --timeout 120 --graceful-timeout 1 --worker-tmp-dir "$RUN/push" \
    --certfile "$RUN/ca/chain.pem" --keyfile "$RUN/ca/server.key" --bind "127.0.0.1:{{PUSH}}" \
    "privacyidea.app:create_app(config_name='production', config_file='$RUN/push/pi.cfg', silent=True)"
fi

if [ -f ent/httpd.conf ]; then
  install -d -m 700 -o nobody -g nogroup ent/sessions
  launch ent /usr/sbin/apache2 -D FOREGROUND -f "$RUN/ent/httpd.conf"
fi

while read -r _; do :; done

//! A slapd of three teachers in a folder of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ldap3::{LdapConnAsync, Scope, SearchEntry};
use tokio::net::{TcpListener, TcpStream};

pub(super) const BASE: &str = "ou=people,dc=academie,dc=test";
pub(super) const MANAGER: &str = "cn=admin,dc=academie,dc=test";
pub(super) const MANAGER_PASSWORD: &str = "admin";
pub(super) const OLD_PASSWORD: &str = "Secret-1234";

pub(super) struct Slapd {
    process: Child,
    _folder: tempfile::TempDir,
    pub(super) address: SocketAddr,
}

impl Slapd {
    /// `None`, said aloud, where slapd is not installed.
    pub(super) async fn start() -> Option<Self> {
        if !Path::new("/usr/sbin/slapd").exists() {
            eprintln!("SKIPPED: needs the package slapd");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display().to_string();
        std::fs::create_dir(folder.path().join("db")).unwrap();
        std::fs::write(folder.path().join("slapd.conf"), CONFIGURATION.replace("RUN", &at)).unwrap();
        std::fs::write(folder.path().join("base.ldif"), PEOPLE).unwrap();
        let configuration = format!("{at}/slapd.conf");
        let loaded = Command::new("/usr/sbin/slapadd")
            .args(["-q", "-f", &configuration, "-l", &format!("{at}/base.ldif")])
            .output()
            .unwrap();
        assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let process = Command::new("/usr/sbin/slapd")
            .args(["-d", "0", "-h", &format!("ldap://{address}/"), "-f", &configuration])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let slapd = Self { process, _folder: folder, address };
        let limit = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < limit, "slapd does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(slapd)
    }

    /// Whether `uid` signs in with `password`.
    pub(super) async fn accepts(&self, uid: &str, password: &str) -> bool {
        let (connection, mut ldap) = LdapConnAsync::new(&format!("ldap://{}", self.address)).await.unwrap();
        let bind = async { ldap.simple_bind(&format!("uid={uid},{BASE}"), password).await.unwrap().rc == 0 };
        tokio::select! {
            accepted = bind => accepted,
            _ = connection.drive() => panic!("slapd closed the connection"),
        }
    }

    /// The values of an attribute, operational ones too, as the manager sees them.
    pub(super) async fn values(&self, uid: &str, attribute: &str) -> Vec<String> {
        let (connection, mut ldap) = LdapConnAsync::new(&format!("ldap://{}", self.address)).await.unwrap();
        let reading = async {
            ldap.simple_bind(MANAGER, MANAGER_PASSWORD).await.unwrap().success().unwrap();
            let entry = format!("uid={uid},{BASE}");
            let found = ldap.search(&entry, Scope::Base, "(objectClass=*)", [attribute]).await.unwrap();
            let (mut found, _) = found.success().unwrap();
            let mut entry = SearchEntry::construct(found.remove(0));
            entry.attrs.remove(attribute).unwrap_or_default()
        };
        tokio::select! {
            values = reading => values,
            _ = connection.drive() => panic!("slapd closed the connection"),
        }
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const CONFIGURATION: &str = "\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
pidfile RUN/slapd.pid
argsfile RUN/slapd.args
access to attrs=userPassword by dn.exact=\"cn=admin,dc=academie,dc=test\" write by self write by anonymous auth by * none
access to * by * read
database mdb
suffix \"dc=academie,dc=test\"
rootdn \"cn=admin,dc=academie,dc=test\"
rootpw admin
directory RUN/db
maxsize 67108864
dbnosync
index objectClass,uid,mail eq
overlay ppolicy
ppolicy_default \"cn=default,ou=ppolicies,dc=academie,dc=test\"
ppolicy_hash_cleartext
ppolicy_use_lockout
";

const PEOPLE: &str = "\
dn: dc=academie,dc=test
objectClass: dcObject
objectClass: organization
dc: academie
o: Academie

dn: ou=people,dc=academie,dc=test
objectClass: organizationalUnit
ou: people

dn: ou=ppolicies,dc=academie,dc=test
objectClass: organizationalUnit
ou: ppolicies

dn: cn=default,ou=ppolicies,dc=academie,dc=test
objectClass: organizationalRole
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdMinLength: 8
pwdCheckQuality: 1
pwdAllowUserChange: TRUE
pwdMustChange: FALSE
pwdLockout: FALSE

dn: cn=strict,ou=ppolicies,dc=academie,dc=test
objectClass: organizationalRole
objectClass: pwdPolicy
cn: strict
pwdAttribute: userPassword
pwdMustChange: TRUE
pwdMaxAge: 8640000
pwdAllowUserChange: TRUE
pwdLockout: TRUE

dn: uid=lreset,ou=people,dc=academie,dc=test
objectClass: inetOrgPerson
uid: lreset
cn:: TMOpYSBSZXNldA==
sn: Reset
employeeNumber: 01E0123456ABC
carLicense: 1984-03-05
userPassword: {SSHA}ryFHAn/F5QL66pzwZtRDa88XfjxzYWx0c2FsdA==

dn: uid=jdupont,ou=people,dc=academie,dc=test
objectClass: inetOrgPerson
uid: jdupont
cn: Jeanne Dupont
sn: Dupont
employeeNumber: 02E7654321XYZ
carLicense: 1990-12-31
userPassword: {SSHA}ryFHAn/F5QL66pzwZtRDa88XfjxzYWx0c2FsdA==

dn: uid=locked,ou=people,dc=academie,dc=test
objectClass: inetOrgPerson
uid: locked
cn: Luc Locked
sn: Locked
employeeNumber: 03E0000001AAA
carLicense: 1975-01-01
userPassword: {SSHA}ryFHAn/F5QL66pzwZtRDa88XfjxzYWx0c2FsdA==
pwdPolicySubentry: cn=strict,ou=ppolicies,dc=academie,dc=test
pwdAccountLockedTime: 000001010000Z
";

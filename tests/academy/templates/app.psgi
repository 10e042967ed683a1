use Plack::Builder;
use Lemonldap::NG::Portal::Main;
my $app = Lemonldap::NG::Portal::Main->run({});
builder {
  enable 'Static', path => qr{^/static/}, root => '/usr/share/lemonldap-ng/portal/htdocs/';
  enable 'Static', path => sub { s{^/javascript/}{/} }, root => '/usr/share/javascript/';
  $app;
};

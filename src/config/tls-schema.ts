import { OneOf, Optional, Default, Section, Switch, Text } from './kinds.js'

const typeName = 'path or PEM'

/** Certificates: the path of a PEM file, or PEM itself. */
function Certificates (description: string) {
  return Text(description, {
    format: 'certificates',
    typeName,
    examples: ['tls/cert.pem'],
    errorMessage: 'must be the path of a PEM file with a certificate, or PEM itself'
  })
}

/** A private key: the path of a PEM file, or PEM itself. */
function PrivateKey (description: string) {
  return Text(description, {
    format: 'private-key',
    typeName,
    examples: ['tls/key.pem'],
    errorMessage: 'must be the path of a PEM file with a private key, or PEM itself'
  })
}

// No default of the schema: the one of Node counts, which its own --tls-min-v1.3 raises.
const minVersion = Optional(OneOf('The oldest version of TLS that is accepted.', ['TLSv1.2', 'TLSv1.3']), 'that of Node, `"TLSv1.2"`')

/** How the gateway as a service serves https. */
export const ServerTls = Section('Serve https. Certificate files that change are read again, without a restart.', {
  cert: Certificates('The certificate that clients are shown, with the intermediate certificates up to its root.'),
  key: PrivateKey('The private key of `cert`.'),
  ca: Optional(Certificates('Clients must show a certificate that one of these has signed. Without it they need none.')),
  minVersion
}, { errorMessage: 'must be an object such as { "cert": "tls/cert.pem", "key": "tls/key.pem" }' })

/** How a service is checked, and what it is shown. */
export const UpstreamTls = Section('How an `https` service is verified, and which certificate it is shown. Files that change are read again, without a restart.', {
  ca: Optional(Certificates('The authorities that may have signed the certificate of the service.'), 'those that Node trusts'),
  cert: Optional(Certificates('The certificate for a service that asks for one.')),
  key: Optional(PrivateKey('The private key of `cert`.')),
  servername: Optional(Text('The name that the service is asked for, and that its certificate must have.', {
    format: 'host', examples: ['app.internal'], errorMessage: 'must be a host name'
  }), 'the host of the target'),
  rejectUnauthorized: Default(true, Switch('Refuse a service whose certificate fails the verification. `false` accepts any certificate: for tests only.')),
  minVersion
}, { errorMessage: 'must be an object such as { "ca": "tls/ca.pem" }' })

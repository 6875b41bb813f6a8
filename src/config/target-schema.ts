import { Text } from './kinds.js'

export const TARGET = 'must be a URL such as "http://localhost:3001" or an object such as { "host": "localhost", "port": 3001 }'

const URL_OR_SOCKET = /^([Hh][Tt][Tt][Pp][Ss]?:\/\/[^/?#\s\\]+(\/[^?#\s\\]*)?|unix:\/.+)$/

/** The address of a service in one text. */
export const TargetUrl = Text('http:// or https://, a host, perhaps a port and a base path; or unix: and the path of a socket.', {
  format: 'target', pattern: URL_OR_SOCKET, typeName: 'URL', examples: ['http://localhost:3001'], errorMessage: TARGET
})

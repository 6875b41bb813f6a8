import type { Check } from './probe.js'

/**
 * Whether a connection comes about.
 *
 * @param isSecure whether the TLS handshake is part of it
 */
export function tcpCheck (isSecure: boolean): Check {
  return (socket, probe) => {
    socket.once(isSecure ? 'secureConnect' : 'connect', () => {
      probe.decide(true, 'connected')
      // Once all is sent: a handshake whose last message is lost is an error in the service's log.
      socket.end(() => probe.end())
    })
  }
}

import type { ServerSettings } from '../config/index.js'

/** What one connection, and all together, may cost. Under the names of Node's options and properties. */
export type Limits = ReturnType<typeof limitsOf>

export function limitsOf ({ maxConnections, maxHeaderSize, headersTimeout, keepAliveTimeout, maxRequestsPerConnection }: ServerSettings) {
  return {
    maxConnections,
    maxHeaderSize,
    headersTimeout,
    connectionsCheckingInterval: Math.max(50, Math.round(headersTimeout / 5)),
    // A slow but steady upload lives; what is slower is for the exchange to cut off.
    requestTimeout: 0,
    keepAliveTimeout,
    maxRequestsPerSocket: maxRequestsPerConnection,
    // A request without Host is rejected in the gateway's own words.
    requireHostHeader: false,
    insecureHTTPParser: false
  }
}

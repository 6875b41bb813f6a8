/** `host:port` of the service that speaks HTTP/1, and of the other. */
export interface Targets {
  readonly http1: string
  readonly http2: string
}

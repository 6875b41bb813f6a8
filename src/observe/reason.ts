/** Characters of a reason that a log shows: what a peer can make long (a certificate's names) must not fill it. */
const LONGEST = 500

/** What went wrong, and what it came from, in words. */
export function reasonOf ({ message, cause }: Error): string {
  const reason = cause instanceof Error ? `${message}: ${cause.message || codeOf(cause)}` : message
  return reason.length > LONGEST ? `${reason.slice(0, LONGEST)}…` : reason
}

/** Such as ECONNREFUSED. */
export function codeOf (error: Error): string | undefined {
  return 'code' in error && error.code !== undefined ? String(error.code) : undefined
}

/** Of an error of Node's what may stand in a log: it may carry the bytes of a request, with their secrets, and a stack. */
export function withoutDetails (error: Error): Error {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const bare = Object.assign(new Error(error.message.slice(0, LONGEST)), { code: codeOf(error) })
  Error.stackTraceLimit = stackTraceLimit
  return bare
}

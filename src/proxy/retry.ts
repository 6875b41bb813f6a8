/** A request may be sent twice only when a second time changes nothing (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'REPORT', 'SEARCH'])

/** How an attempt failed before the head of a response. */
export interface AttemptFailure {
  readonly error: NodeJS.ErrnoException
  /** Whether the upstream did nothing with the request, as far as that can be told. */
  readonly isUnprocessed: boolean
}

/**
 * The decision between two attempts: whether a request may be sent once more, on a new connection. Repeated is what
 * was lost on a kept connection that the upstream closed at that moment; an attempt on a new one cannot fail so.
 *
 * @param isWhole whether the whole of it is there still: it has no body, or one that was collected
 */
export function mayRepeat (method: string, isWhole: boolean, { isUnprocessed }: AttemptFailure): boolean {
  return isUnprocessed && isWhole && IDEMPOTENT.has(method)
}

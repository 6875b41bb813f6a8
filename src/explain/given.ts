// What can be asked, and what is told. Loaded by all who pass it on, so that there is nothing in here that takes room.

/** A request as somebody gives it: a line for a shell, or in its parts. */
export type GivenRequest = { readonly curl: string } | {
  /** @default GET */
  readonly method?: string
  /** A path, or with a scheme and a host. */
  readonly url: string
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>
}

/** Names and values, in their order, with secrets hidden. */
export type ShownFields = ReadonlyArray<readonly [name: string, value: string]>

/** Where a request would go, and why. */
export interface Explanation {
  readonly request: { readonly method: string, readonly target: string, readonly host: string }
  /** What of the request as it was given is left out. */
  readonly notes: readonly string[]
  /** That takes it, whether or not it is forwarded. */
  readonly route?: {
    readonly index: number
    /** As clients have it. */
    readonly prefix: string
    /** The prefix, and which hosts and methods it takes. */
    readonly takes: string
    /** What the request has to pass. */
    readonly policies: readonly string[]
  }
  readonly forwarded?: {
    /** The target, or the upstream with its targets. */
    readonly to: string
    readonly path: string
    readonly headers: ShownFields
  }
  /** Why it is not forwarded. */
  readonly why?: string
  /** The gateway's own response; where the request is forwarded, what a service's response gets. */
  readonly response?: { readonly status?: number, readonly headers: ShownFields, readonly body?: string }
}

export type Explained =
  { readonly explanation: Explanation } |
  /** What is wrong with the request as it was given. */
  { readonly mistake: string } |
  { readonly failed: 'late' | 'unexpectedly' }

/** Characters of a line for a shell. */
export const LONGEST_LINE = 16_384
/** Milliseconds that it may take to find out where a request goes. */
export const LONGEST_TRIAL = 5_000

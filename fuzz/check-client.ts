import { VIA } from './gateway.js'
import { members, readResponse, values } from './grammar.js'
import type { Message, State } from './grammar.js'
import { areSame, areTrailersRight } from './check-forwarded.js'

/** What a client got for one request. */
export interface ClientResponse {
  readonly interims: Message[]
  readonly final: Message
}

/**
 * All responses in a client's bytes.
 *
 * @param methods of the requests, in their order; a request that nobody could read counts as GET
 * @param ended whether the connection was closed in order behind them
 * @returns and what stands behind them; `partial` also for nothing
 */
export function readResponses (text: string, methods: readonly string[], ended: boolean): { responses: ClientResponse[], rest: State, end: number } {
  const responses: ClientResponse[] = []
  let interims: Message[] = []
  let at = 0
  while (true) {
    const message = readResponse(text, at, methods[responses.length] ?? 'GET', ended)
    if (typeof message === 'string') return { responses, rest: at === text.length && interims.length === 0 ? 'whole' : message, end: at }
    at = message.end
    const [, status] = message.line
    if (status.startsWith('1') && status !== '101') {
      interims.push(message)
    } else {
      responses.push({ interims, final: message })
      interims = []
      if (message.state !== 'whole') return { responses, rest: message.state, end: at }
      if (status === '101') return { responses, rest: 'whole', end: at }
    }
  }
}

/** Whether nothing can follow on the connection. */
export function isLast ({ line: [version], fields, framing }: Message): boolean {
  const options = members(fields, 'connection')
  return framing === 'close' || options.includes('close') || (version === 'HTTP/1.0' && !options.includes('keep-alive'))
}

/** The status of a response of the gateway's own; `undefined` for one of the service. */
export function rejection ({ line: [, status], fields }: Message): number | undefined {
  return values(fields, 'x-answer').length === 0 ? Number(status) : undefined
}

/** Of one connection, and what a server sets itself. */
const OF_THE_HOP = [
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade',
  'via', 'date', 'content-length', 'expect'
]

/** A Date may be in these; they are no messages that end at a length (RFC 9110 section 8.6). */
const OF_INTERIMS = OF_THE_HOP.filter(name => name !== 'date' && name !== 'via')

/** Compares what a client got with what the service sent; `sent` is undefined where that is no response. */
export function compareResponse ({ interims, final }: ClientResponse, sent: ClientResponse | undefined): string[] {
  if (sent === undefined) return [`${final.line[1]} although the service has sent no response`]
  const { final: meant } = sent
  const complaints: string[] = []
  function demand (holds: boolean, complaint: string): void {
    if (!holds) complaints.push(complaint)
  }
  demand(final.line[1] === meant.line[1], `the status became ${final.line[1]}`)
  // HTTP/2 has none.
  demand(meant.line[2] === '' || final.line[0] === 'HTTP/2' || final.line[2] === meant.line[2], `the reason became ${final.line[2]}`)
  demand(areSame(final, meant, OF_THE_HOP), `the fields became ${JSON.stringify(final.fields)}`)
  demand(values(final.fields, 'via').join(', ').split(', ').at(-1) === `${meant.line[0].slice(5)} ${VIA}`, 'Via is missing')
  const dates = values(meant.fields, 'date')
  demand(dates.length === 0 || values(final.fields, 'date').join(', ') === dates.join(', ') || members(meant.fields, 'connection').includes('date'), 'the date is another one')
  if (final.state === 'whole') demand(meant.state === 'whole' && final.body === meant.body, `the body became ${JSON.stringify(final.body)}, as if it were whole`)
  else demand(meant.body.startsWith(final.body), `the body became ${JSON.stringify(final.body)}`)
  demand(areTrailersRight(final.trailers, meant.trailers), `the trailers became ${JSON.stringify(final.trailers)}`)
  const left = [...sent.interims]
  for (const interim of interims) {
    const { line, fields } = interim
    const at = left.findIndex(other => other.line[1] === line[1] && line[1] !== '100' && areSame(other, interim, OF_INTERIMS))
    demand(/^[\t\x20-\x7e\x80-\xff]*$/.test(line[2]), `a reason that is none: ${line[2]}`)
    demand(at !== -1, `an interim response that nobody sent: ${line[1]} ${JSON.stringify(fields)}`)
    left.splice(0, at + 1)
  }
  return complaints
}

/** A response of the gateway's own that tells of a fault of the service. */
export function isFault ({ line: [, status], body, state }: Message): boolean {
  return (status === '502' || status === '504') && state === 'whole' && (body === '' || body.startsWith('{"success":false,'))
}

import type { AccessLine, AccessLines, LoggedRequest } from './access-line.js'
import type { LogOutput } from './log-output.js'
import type { Redaction } from './redaction.js'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
/** What would end a quoted part, or is read by a terminal as a command. */
const UNSAFE = /["\\\x00-\x1f\x7f-\xff]/g // eslint-disable-line no-control-regex
const NOTHING = '-'

/** Lines in the common format of httpd's log, or the combined one, which adds where a client came from and what it is. */
export class PlainLines implements AccessLines {
  readonly #output: LogOutput
  readonly #isCombined: boolean
  readonly #redaction: Redaction

  constructor (output: LogOutput, isCombined: boolean, redaction: Redaction) {
    this.#output = output
    this.#isCombined = isCombined
    this.#redaction = redaction
  }

  isOn (): boolean {
    return true
  }

  write ({ ip = NOTHING, method = NOTHING, url = NOTHING, status, bytes }: AccessLine, _isFailure: boolean, request?: LoggedRequest): void {
    const version = request === undefined ? NOTHING : `HTTP/${request.httpVersion}`
    const size = bytes === undefined || (bytes === 0 && status !== 200) ? NOTHING : String(bytes)
    let line = `${ip} - - [${timeOf(new Date())}] "${escaped(`${method} ${url} ${version}`)}" ${status} ${size}`
    if (this.#isCombined) line += ` ${quoted(this.#redacted(request?.headers.referer))} ${quoted(request?.headers['user-agent'])}`
    this.#output.write(`${line}\n`)
  }

  #redacted (referer: string | undefined): string | undefined {
    return referer && this.#redaction.url(referer)
  }
}

/** As `10/Oct/2000:13:55:36 +0000`. */
function timeOf (time: Date): string {
  const [date = '', clock = ''] = time.toISOString().split('T')
  const [year = '', , day = ''] = date.split('-')
  return `${day}/${String(MONTHS[time.getUTCMonth()])}/${year}:${clock.slice(0, 8)} +0000`
}

function quoted (text: string | undefined): string {
  return `"${text === undefined || text === '' ? NOTHING : escaped(text)}"`
}

function escaped (text: string): string {
  return text.replace(UNSAFE, character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

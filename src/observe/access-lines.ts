import { hostname } from 'node:os'
import { codeOf, reasonOf } from './reason.js'
import type { AccessLine, AccessLines, Logger } from './access-line.js'
import type { LogOutput } from './log-output.js'

/** Control characters beyond ASCII, which some terminals obey (ECMA-48). A logger's JSON leaves them as they are. */

const CONTROLS = /[\x7f-\x9f]/g

/** Lines as a logger writes them, with whatever its owner made of it: serializers, redaction, what it adds. */
export class LoggerLines implements AccessLines {
  readonly #log: Logger

  constructor (log: Logger) {
    this.#log = log
  }

  isOn (isFailure: boolean): boolean {
    return isOn(this.#log, isFailure)
  }

  write (line: AccessLine, isFailure: boolean): void {
    this.writeWords(line, line.outcome, isFailure)
  }

  protected writeWords (line: AccessLine, words: string, isFailure: boolean): void {
    if (line.url !== undefined && line.url.search(CONTROLS) !== -1) line.url = line.url.replace(CONTROLS, escaped)
    if (isFailure) this.#log.warn(line, words)
    else this.#log.info(line, words)
  }
}

/** Lines for people in a terminal: what went wrong stands in words at the end of its one line. */
export class TerminalLines extends LoggerLines {
  override write ({ err, cause, ...line }: AccessLine, isFailure: boolean): void {
    this.writeWords(line, err === undefined ? line.outcome : `${line.outcome}: ${reasonOf(err)}`, isFailure)
  }
}

/**
 * Lines as pino writes them for a service that has added nothing to it, made by hand past it: a line object that goes
 * through its serializers costs several times as much.
 */
export class TextLines implements AccessLines {
  readonly #log: Logger | undefined
  readonly #output: LogOutput
  readonly #base = `,"pid":${process.pid},"hostname":${quoted(hostname())}`

  /** @param log whose levels hold; absent: all are on */
  constructor (log: Logger | undefined, output: LogOutput) {
    this.#log = log
    this.#output = output
  }

  isOn (isFailure: boolean): boolean {
    return isOn(this.#log, isFailure)
  }

  write (line: AccessLine, isFailure: boolean): void {
    this.#output.write(this.#text(line, isFailure, Date.now()))
  }

  #text (line: AccessLine, isFailure: boolean, time: number): string {
    return `{"level":${isFailure ? 40 : 30},"time":${time}${this.#base}${fields(line)},"msg":"${line.outcome}"}\n`
  }

  /** Whether a logger itself writes the same, which has no part in what is made past it. It has to write to the output. */
  isWrittenBy (log: Logger): boolean {
    const line: AccessLine = { reqId: '1', ip: '::1', method: 'GET', url: '/', status: 200, route: '/', target: 'http://a', attempts: 2, bytes: 1, duration: 1, upstreamDuration: 1, outcome: 'completed', cause: 'E' }
    const written = this.#output.capture(() => log.warn(line, line.outcome))
    return written === this.#text(line, true, Number(/"time":(\d+)/.exec(written)?.[1]))
  }
}

function isOn (log: Logger | undefined, isFailure: boolean): boolean {
  return log?.isLevelEnabled === undefined || log.isLevelEnabled(isFailure ? 'warn' : 'info')
}

/** Each behind a comma, in the order of `AccessLine`. */
function fields ({ reqId, ip, method, url, status, route, target, attempts, bytes, duration, upstreamDuration, outcome, err, cause }: AccessLine): string {
  let text = `,"reqId":${quoted(reqId)}`
  if (ip !== undefined) text += `,"ip":${quoted(ip)}`
  if (method !== undefined) text += `,"method":${quoted(method)}`
  if (url !== undefined) text += `,"url":${quoted(url)}`
  text += `,"status":${status}`
  if (route !== undefined) text += `,"route":${quoted(route)}`
  if (target !== undefined) text += `,"target":${quoted(target)}`
  if (attempts !== undefined) text += `,"attempts":${attempts}`
  if (bytes !== undefined) text += `,"bytes":${bytes}`
  if (duration !== undefined) text += `,"duration":${duration}`
  if (upstreamDuration !== undefined) text += `,"upstreamDuration":${upstreamDuration}`
  text += `,"outcome":"${outcome}"`
  if (err !== undefined) text += `,"err":${errorText(err)}`
  if (cause !== undefined) text += `,"cause":${quoted(cause)}`
  return text
}

/** No stack: it says where the gateway noticed what a client or an upstream did, which tells nobody anything. */
function errorText (err: Error): string {
  return JSON.stringify({ type: err.constructor.name, message: reasonOf(err), code: codeOf(err) })
}

/** Nothing in it that JSON escapes. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

function quoted (text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
}

function escaped (character: string): string {
  return `\\u00${character.charCodeAt(0).toString(16)}`
}

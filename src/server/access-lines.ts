import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { ConfigError } from '../config/index.js'
import type { AccessLogSettings } from '../config/index.js'
import type { AccessLines } from '../observe/access-line.js'
import { TextLines } from '../observe/access-lines.js'
import { linesOf, writeAccessLinesAs } from '../observe/access-log.js'
import { ChosenLines } from '../observe/chosen-lines.js'
import { FieldLines } from '../observe/field-lines.js'
import { appendingSink, LogFile, MODE } from '../observe/log-file.js'
import type { FileSink } from '../observe/log-file.js'
import { LogOutput } from '../observe/log-output.js'
import { PlainLines } from '../observe/plain-lines.js'
import { Redaction, SECRET_KEYS } from '../observe/redaction.js'
import { asideName, rotatedSink } from '../observe/rotated-file.js'
import { stdoutSink } from '../observe/stdout.js'
import { LAST_LINES, outputOptions } from './log.js'
import { loadOptional } from './optional-package.js'

type Chosen = Exclude<AccessLogSettings, boolean>
type ChosenFile = Partial<Chosen> & { file: string }
type Load = () => Promise<typeof import('rotating-file-stream')>

/**
 * The access lines of one registration, as its settings have them; `undefined` where there are none.
 *
 * @param isService whether the log is the gateway's alone
 * @throws ConfigError when the file cannot be opened, or the package that rotates it is not installed
 */
export async function accessLinesOf (fastify: FastifyInstance, settings: AccessLogSettings, isService: boolean, load: Load = async () => await import('rotating-file-stream')): Promise<AccessLines | undefined> {
  if (settings === false) return undefined
  const chosen: Partial<Chosen> = settings === true ? {} : settings
  const { format = 'json', file, sample = 1, slow, redact = SECRET_KEYS } = chosen
  const redaction = new Redaction(redact)
  const behind = format === 'json' && file === undefined
    ? linesOf(fastify.log)
    : formatted(format, file === undefined ? openStdout(fastify) : await openFile(fastify, { ...chosen, file }, load), redaction)
  const lines = new ChosenLines(behind, { redaction, sample, slow })
  // What goes out past the routes of the service is written as all the rest.
  if (isService) writeAccessLinesAs(lines, fastify.log)
  return lines
}

function formatted (format: Chosen['format'], output: LogOutput, redaction: Redaction): AccessLines {
  if (format === 'json') return new TextLines(undefined, output)
  return typeof format === 'string' ? new PlainLines(output, format === 'combined', redaction) : new FieldLines(output, format, redaction)
}

function openStdout (fastify: FastifyInstance): LogOutput {
  const output = new LogOutput(stdoutSink(), outputOptions)
  writeAtEnd(fastify, output, async () => await output.drain(LAST_LINES))
  return output
}

/** As daemons do, it opens the file anew on SIGUSR1, which Node has for its debugger otherwise. */
async function openFile (fastify: FastifyInstance, settings: ChosenFile, load: Load): Promise<LogOutput> {
  const file = new LogFile(await openSink(settings, load), outputOptions)
  const reopen = (): void => {
    try {
      file.reopen()
    } catch (err) {
      fastify.log.error({ err }, 'the access log could not be opened again, it goes on in the old file')
    }
  }
  process.on('SIGUSR1', reopen)
  writeAtEnd(fastify, file.output, async () => {
    process.off('SIGUSR1', reopen)
    await file.close(LAST_LINES)
  })
  return file.output
}

async function openSink ({ file, maxSize, maxFiles = 10 }: ChosenFile, load: Load): Promise<FileSink> {
  const appending = await openAppending(file)
  if (maxSize === undefined) return appending
  appending.close()
  const { createStream } = await loadOptional({ source: 'the access log', path: 'server.accessLog.maxSize', name: 'rotating-file-stream' }, load)
  // Of no two processes, and no two registrations of one, the same: renaming would replace what is there.
  const suffix = `${process.pid}-${randomUUID().slice(0, 8)}`
  const nameOf = (time: number | Date | null, nth = 1): string => time === null ? file : asideName(file, new Date(time), `${suffix}-${nth}`)
  return rotatedSink({ path: file, maxSize, maxFiles, open: isFull => createStream(nameOf, { ...(isFull && { size: `${maxSize}B` }), mode: MODE }) })
}

async function openAppending (file: string): Promise<FileSink> {
  return await Promise.resolve(file).then(appendingSink).catch(({ message }: Error) => {
    throw new ConfigError('the access log', [{ path: 'server.accessLog.file', message: `cannot be opened: ${message}` }])
  })
}

/** @param close when the service has ended; a process that ends without that writes what it has */
function writeAtEnd (fastify: FastifyInstance, output: LogOutput, close: () => Promise<void>): void {
  const writeNow = (): void => { output.writeNow() }
  process.on('exit', writeNow)
  fastify.addHook('onClose', async () => {
    process.off('exit', writeNow)
    await close()
  })
}

import { watchFile } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Child, onSignals, ROOT, startGateway } from './gateway-process.js'

// `npm run dev`: the compiler watches the sources; the gateway is started again when they compile, or when routes.json
// has changed. A mistake in either is told, and the next change tried.

const CONFIG = process.env.ROUTES_FILE ?? 'routes.json'

let gateway: Child | undefined
let restarting = Promise.resolve()
let ending = false

const compiler = new Child(process.execPath, [
  fileURLToPath(import.meta.resolve('typescript/bin/tsc')), '-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput',
  '--pretty', String(process.stdout.isTTY ?? false)
], { stdout: 'pipe' })

onSignals(() => { end(0) })
compiler.ended.then(() => end(1))
// Polled, since editors replace a file as often as they write to it.
watchFile(resolve(ROOT, CONFIG), { interval: 200 }, () => restart(`${CONFIG} has changed`))
if (compiler.process.stdout !== null) {
  for await (const line of createInterface(compiler.process.stdout)) {
    if (line !== '') console.log(line)
    if (line.includes('Found 0 errors')) restart('compiled')
  }
}

function restart (why: string): void {
  restarting = restarting.then(async () => {
    await gateway?.stop()
    if (ending) return
    console.log(`dev: ${why}, the gateway starts`)
    const started = startGateway()
    gateway = started
    started.ended.then(how => console.log(`dev: the gateway ended (${how})`))
  })
}

async function end (status: number): Promise<void> {
  if (ending) return
  ending = true
  await Promise.all([compiler.stop(), gateway?.stop()])
  process.exit(status)
}

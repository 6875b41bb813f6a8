import { rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Fastify from 'fastify'
import { childOptions, serve } from '../child.js'
import { temporaryDirectory } from '../temporary.js'
import { configuration } from './ours-config.js'
import type { ContenderOptions } from './policy.js'

// The service as `npm start` has it, every limit and check at its default. Its log goes to the null device.

const here = new URL('../../', import.meta.url).href
const options = childOptions<ContenderOptions>()

const directory = temporaryDirectory('ours')
process.env.ROUTES_FILE = join(directory, 'routes.json')
writeFileSync(process.env.ROUTES_FILE, JSON.stringify(configuration(options)))
const service = await import(new URL('src/app.js', options.source ?? here).href) as typeof import('../../src/app.js')
rmSync(directory, { recursive: true })

const app = Fastify(service.options)
await app.register(service.default)
await app.listen({ host: '127.0.0.1', port: 0 })
serve({ port: (app.server.address() as AddressInfo).port })

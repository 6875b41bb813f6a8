import { fileURLToPath } from 'node:url'
import { configuration } from './ours-config.js'
import { keep } from './keeper.js'

// The service as `npm run start:cluster` has it.

await keep(({ file, port, options }) => {
  const source = options.source ?? new URL('../../', import.meta.url).href
  const [cluster = '', app = ''] = ['cluster', 'app'].map(name => fileURLToPath(new URL(`src/${name}.js`, source)))
  return {
    text: JSON.stringify(configuration(options)),
    command: [process.execPath, cluster, '--options', app],
    env: { CLUSTER_WORKERS: `${options.processes}`, ROUTES_FILE: file, FASTIFY_ADDRESS: '127.0.0.1', FASTIFY_PORT: `${port}` }
  }
})

import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { AdminListener } from '../src/admin/listener.js'
import type { Prometheus } from '../src/admin/prometheus.js'
import type { Source } from '../src/admin/source.js'
import type { AdminSettings } from '../src/config/index.js'

interface Options {
  readonly admin: AdminSettings
  readonly source: Source
  readonly prometheus: Prometheus
}

/** The listener for those who run the gateway, which opens and closes with the app: it tells of a drain to its end. */
export default fp(async function admin (fastify: FastifyInstance, { admin, source, prometheus }: Options) {
  const listener = new AdminListener(admin, source, prometheus, fastify.log)
  fastify.addHook('onReady', async () => await listener.listen())
  fastify.addHook('onClose', async () => await listener.close())
}, { name: 'stream-gateway-admin', fastify: '5.x' })

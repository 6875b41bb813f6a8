import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import type { AccessSettings } from '../src/config/index.js'
import { GatewayError, rejectedBy } from '../src/proxy/errors.js'
import { compileAddresses } from '../src/server/addresses.js'
import { addressOf } from '../src/server/client.js'
import { closeAfterUpload } from '../src/server/malformed.js'
import type { Policy } from '../src/server/policy.js'

interface Options {
  /** Gets that of the access lists. */
  policies: Policy[]
}

/** From which addresses the gateway's routes may be called. */
export default fp(async function gatewayAccess (_fastify: FastifyInstance, { policies }: Options) {
  policies.push(route => route?.access ? hookOf(route.access) : undefined)
}, { name: 'stream-gateway-access', fastify: '5.x' })

/** Who has no address, but a name that a proxy has made up, is in no list, and may not be kept out of what he is not in. */
function hookOf ({ allow, deny = [] }: AccessSettings): onRequestHookHandler {
  const isAllowed = compileAddresses(allow ?? EVERYBODY)
  const isDenied = compileAddresses(deny)
  return function checkAddress (request, reply, done) {
    const address = addressOf(request)
    if (isAllowed(address) && !isDenied(address)) {
      done()
      return
    }
    closeAfterUpload(request.raw, reply)
    done(rejectedBy('access', new GatewayError('FORBIDDEN', 'This address may not call here')))
  }
}

const EVERYBODY = ['0.0.0.0/0', '::/0']

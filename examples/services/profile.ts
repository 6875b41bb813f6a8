import { common } from './common.js'
import { sendJson, startService } from './service.js'
import type { Responses, Call, Service } from './service.js'

const responses: Responses = {
  ...common,
  'GET /me': me
}

export function startProfile (port = 3004): Promise<Service> {
  return startService('profile', responses, port)
}

function me ({ name, response }: Call): void {
  sendJson(response, 200, {
    service: name,
    profile: { username: 'ada', language: 'en' }
  })
}

import { common } from './common.js'
import { sendJson, startService } from './service.js'
import type { Answers, Call, Service } from './service.js'

const answers: Answers = {
  ...common,
  'GET /me': me
}

export function startProfile (port = 3004): Promise<Service> {
  return startService('profile', answers, port)
}

function me ({ name, response }: Call): void {
  sendJson(response, 200, {
    service: name,
    profile: { username: 'ada', language: 'en' }
  })
}

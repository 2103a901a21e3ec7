/** What the integration adds to the interface: its configuration, its session and its tags. */

import { z } from '@botpress/sdk'

export const configuration = z.object({
  bridgeUrl: z.string().title('Bridge address').describe('Where your HITL bridge is, for instance https://bridge.example.com'),
  apiKey: z.string().secret().title('API key').describe('A key of the bot in the bridge, with the scopes actions and read'),
  callbackSecret: z
    .string()
    .secret()
    .title('Callback secret')
    .describe("The bot's callback secret in the bridge (whsec_...): it proves that events come from there"),
  installation: z
    .string()
    .optional()
    .title('Installation')
    .describe('Slug of the help desk connection to use; needed only if the bot has several'),
  failedText: z
    .string()
    .optional()
    .title('Text if nobody can be reached')
    .describe('What the user reads if no ticket could be opened; empty: only that the session has ended'),
})
export type Configuration = z.infer<typeof configuration>

const own = (title: string, text: string) => z.string().optional().title(title).describe(text)

const fields = (title: string, text: string) => z.record(z.string(), z.any()).optional().title(title).describe(text)

/** All but `tags` and `installation` goes on as it is: the bridge refuses by name what a help desk does not take. */
export const session = z.object({
  priority: own('Priority', 'HubSpot: LOW, MEDIUM, HIGH or URGENT'),
  groupId: own('Group', 'LiveChat: id of the group that gets the session'),
  teamId: own('Team', 'Intercom: id of the team that gets the session'),
  departmentId: own('Department', 'Zoho: id of the department that gets the session'),
  inboxId: own('Inbox', 'HubSpot: id of the inbox or help desk that gets the session'),
  assigneeId: own('Assignee', 'HubSpot: id of the user who gets the session'),
  waitTime: z.number().optional().title('Waiting time').describe('Zoho: seconds that agents have to pick it up'),
  attributes: fields('Attributes', 'Intercom: attributes of the conversation'),
  ticket: fields('Ticket', 'HubSpot: properties of the ticket'),
  sessionFields: fields('Session fields', 'LiveChat: shown to the agent'),
  customerInfo: fields('Customer info', 'Zoho: shown to the operator'),
  tags: z.record(z.string(), z.string()).optional().title('Tags').describe('Kept in the bridge with the conversation'),
  installation: own('Installation', 'Slug of the help desk connection, in place of the configured one'),
})
export type Session = z.infer<typeof session>

export const tags = {
  user: {
    id: { title: 'Bridge user', description: "The user's id in the bridge: an end user's or an agent's" },
  },
  conversation: {
    id: { title: 'Bridge conversation', description: "The session's id in the bridge" },
    userId: { title: 'Bridge user', description: "The end user's id in the bridge" },
    botpressUserId: { title: 'End user', description: 'The Botpress user that stands for the end user' },
    handoff: { title: 'Handoff', description: 'What was handed over, so that a repeat is recognised' },
    readyAt: { title: 'Ready at', description: 'When Botpress takes events of the session (ms since 1970)' },
    seen: { title: 'Last event', description: 'Conversation and sequence number of the last event handled' },
    ended: { title: 'Ended', description: 'Why the session is over' },
  },
  message: {
    id: { title: 'Bridge message', description: "The message's id in the bridge" },
  },
} as const

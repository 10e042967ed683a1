-- Counts the unread of a mailbox without reading them.
CREATE INDEX message_unread ON message (mailbox, flags) WHERE hidden = 0 AND flags & 1 = 0;

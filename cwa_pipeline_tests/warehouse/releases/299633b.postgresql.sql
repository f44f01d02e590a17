CREATE TABLE additional_members (
    subscription_id bigint NOT NULL,
    group_id bigint NOT NULL,
    plan text NOT NULL,
    before text,
    after text,
    listed bigint NOT NULL,
    added bigint NOT NULL,
    removed bigint NOT NULL,
    added_pcids text,
    removed_pcids text,
    hand_edited boolean NOT NULL,
    hand_added_pcids text,
    hand_removed_pcids text,
    status text NOT NULL,
    guard text,
    reason text
);
CREATE TABLE additional_members_ledger (
    run_id text NOT NULL,
    written_at timestamp with time zone NOT NULL,
    subscription_id bigint NOT NULL,
    group_id bigint,
    before text,
    after text,
    status text NOT NULL,
    undo_of text,
    hand_edited boolean NOT NULL,
    hand_added_pcids text,
    hand_removed_pcids text
);
CREATE TABLE client_groups (
    client_id bigint NOT NULL,
    group_id bigint,
    reason text
);
CREATE TABLE client_issues (
    issue_key text NOT NULL,
    issue text NOT NULL,
    reason text,
    severity text NOT NULL,
    client_id bigint NOT NULL,
    client_name text,
    external_id text
);
CREATE TABLE computer_issues (
    issue_key text NOT NULL,
    issue text NOT NULL,
    reason text,
    severity text NOT NULL,
    computer_id bigint NOT NULL,
    computer_name text,
    client_id bigint,
    client_name text,
    serial_number text,
    asset_tag text,
    pcid bigint,
    pcid_group_id bigint,
    expected_group_id bigint
);
CREATE TABLE computer_matches (
    computer_id bigint NOT NULL,
    client_id bigint,
    expected_group_id bigint,
    pcid bigint,
    matched_by text,
    reason text,
    pcid_group_id bigint
);
CREATE TABLE coverage_history (
    subscription_id bigint NOT NULL,
    pcid bigint NOT NULL,
    covered_from timestamp with time zone NOT NULL,
    covered_to timestamp with time zone
);
CREATE TABLE cwa_clients (
    client_id bigint NOT NULL,
    name text,
    external_id text
);
CREATE TABLE cwa_computers (
    computer_id bigint NOT NULL,
    name text,
    client_id bigint,
    serial_number text,
    serial_number_normalised text NOT NULL,
    asset_tag text,
    last_contact timestamp with time zone,
    last_user text,
    make text
);
CREATE TABLE cwa_group_members (
    computer_id bigint NOT NULL,
    cwa_group_id bigint NOT NULL
);
CREATE TABLE cwa_groups (
    cwa_group_id bigint NOT NULL,
    name text,
    plan text
);
CREATE TABLE group_holds (
    group_id bigint NOT NULL,
    held_since timestamp with time zone NOT NULL,
    undone_run_id text NOT NULL,
    released_at timestamp with time zone
);
CREATE TABLE group_issues (
    issue_key text NOT NULL,
    issue text NOT NULL,
    reason text,
    severity text NOT NULL,
    group_id bigint,
    group_name text,
    subscription_id bigint,
    subscription_name text,
    cwa_group text,
    computer_plans text,
    subscription_plans text
);
CREATE TABLE issue_history (
    issue_key text NOT NULL,
    area text NOT NULL,
    issue text NOT NULL,
    reason text,
    first_seen timestamp with time zone NOT NULL,
    last_seen timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone
);
CREATE TABLE issue_snoozes (
    issue_key text NOT NULL,
    snoozed_at timestamp with time zone NOT NULL,
    snoozed_until timestamp with time zone NOT NULL,
    note text
);
CREATE TABLE match_suggestions (
    computer_id bigint NOT NULL,
    rank bigint NOT NULL,
    pcid bigint NOT NULL,
    score bigint NOT NULL,
    confidence text NOT NULL,
    same_group boolean NOT NULL,
    evidence text NOT NULL
);
CREATE TABLE members_plan (
    subscription_id bigint NOT NULL,
    group_id bigint NOT NULL,
    plan text NOT NULL,
    before text,
    after text,
    listed bigint NOT NULL,
    added bigint NOT NULL,
    removed bigint NOT NULL,
    added_pcids text,
    removed_pcids text,
    hand_edited boolean NOT NULL,
    hand_added_pcids text,
    hand_removed_pcids text,
    status text NOT NULL,
    guard text,
    reason text
);
CREATE TABLE open_issues (
    issue_key text NOT NULL,
    area text NOT NULL,
    issue text NOT NULL,
    reason text,
    severity text NOT NULL,
    customer text,
    subject text,
    first_seen timestamp with time zone NOT NULL
);
CREATE TABLE pcrt_groups (
    group_id bigint NOT NULL,
    name text
);
CREATE TABLE pcrt_pcids (
    pcid bigint NOT NULL,
    name text,
    make text,
    group_id bigint,
    serial_number text,
    serial_number_normalised text NOT NULL,
    serial_problem text
);
CREATE TABLE pcrt_subscriptions (
    subscription_id bigint NOT NULL,
    name text,
    group_id bigint,
    pcid bigint,
    effective_group_id bigint,
    cwa_group text,
    plan text,
    is_bizcare boolean NOT NULL,
    active boolean NOT NULL,
    additional_members text
);
CREATE TABLE read_receipts (
    run_id text NOT NULL,
    table_name text NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    rows_read bigint NOT NULL,
    rows_counted bigint NOT NULL,
    counted_by text NOT NULL
);
CREATE TABLE serial_blacklist (
    serial_number text NOT NULL,
    normalised text NOT NULL
);
CREATE TABLE subscription_members (
    subscription_id bigint NOT NULL,
    group_id bigint NOT NULL,
    plan text NOT NULL,
    pcid bigint NOT NULL
);
CREATE TABLE sync_failures (
    run_id text NOT NULL,
    failed_at timestamp with time zone NOT NULL,
    problem text NOT NULL
);
CREATE TABLE sync_runs (
    run_id text NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    wrote boolean NOT NULL
);
CREATE TABLE table_loads (
    table_name text NOT NULL,
    run_id text NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    row_count bigint NOT NULL,
    content_hash text
);
INSERT INTO additional_members VALUES (501, 100, 'BizCare Plus', '_1001_1002_1003_', '_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_', 3, 7, 0, '1004 1005 1006 1007 1008 1009 1010', NULL, false, NULL, NULL, 'written', NULL, NULL);
INSERT INTO additional_members VALUES (502, 100, 'BizCare Premium', '', '_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_', 0, 10, 0, '1001 1002 1003 1004 1005 1006 1007 1008 1009 1010', NULL, false, NULL, NULL, 'written', NULL, NULL);
INSERT INTO additional_members VALUES (511, 104, 'BizCare Basic', '_1031_1137_', '_1031_', 2, 0, 1, NULL, '1137', false, NULL, NULL, 'written', NULL, NULL);
INSERT INTO additional_members_ledger VALUES ('5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:37.969219+00', 501, 100, '_1001_1002_1003_', '_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_', 'planned', NULL, false, NULL, NULL);
INSERT INTO additional_members_ledger VALUES ('5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:37.969219+00', 502, 100, '', '_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_', 'planned', NULL, false, NULL, NULL);
INSERT INTO additional_members_ledger VALUES ('5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:37.969219+00', 511, 104, '_1031_1137_', '_1031_', 'planned', NULL, false, NULL, NULL);
INSERT INTO client_groups VALUES (1, 100, NULL);
INSERT INTO client_groups VALUES (2, NULL, 'external_id_missing');
INSERT INTO client_groups VALUES (3, NULL, 'external_id_invalid');
INSERT INTO client_issues VALUES ('client:11:shared_external_id', 'shared_external_id', NULL, 'warning', 11, 'Kite Lake Lodge', '110');
INSERT INTO client_issues VALUES ('client:12:shared_external_id', 'shared_external_id', NULL, 'warning', 12, 'Kite Lake Lodge (boathouse)', '110');
INSERT INTO client_issues VALUES ('client:2:no_pcrt_group', 'no_pcrt_group', 'external_id_missing', 'error', 2, 'Blue Heron Bakery', NULL);
INSERT INTO computer_issues VALUES ('computer:21:no_matching_pcid', 'no_matching_pcid', 'no_pcid_with_serial', 'error', 21, 'LAPTOP-0021', 2, 'Blue Heron Bakery', 'EX00021Q', '', NULL, NULL, NULL);
INSERT INTO computer_issues VALUES ('computer:32:pcid_does_not_exist', 'pcid_does_not_exist', 'asset_tag_unknown', 'error', 32, 'DESKTOP-0032', 5, 'Elm Street Dental', 'EX00032Q', '4711', NULL, NULL, 104);
INSERT INTO computer_issues VALUES ('computer:33:no_matching_pcid', 'no_matching_pcid', 'generic_serial', 'error', 33, 'LAPTOP-0033', 5, 'Elm Street Dental', 'To be filled by O.E.M.', '', NULL, NULL, 104);
INSERT INTO computer_matches VALUES (1, 1, 100, 1001, 'serial', NULL, 100);
INSERT INTO computer_matches VALUES (2, 1, 100, 1002, 'serial', NULL, 100);
INSERT INTO computer_matches VALUES (3, 1, 100, 1003, 'serial', NULL, 100);
INSERT INTO coverage_history VALUES (501, 1001, '2026-11-23 09:36:38.347212+00', NULL);
INSERT INTO coverage_history VALUES (501, 1002, '2026-11-23 09:36:38.347212+00', NULL);
INSERT INTO coverage_history VALUES (501, 1003, '2026-11-23 09:36:38.347212+00', NULL);
INSERT INTO cwa_clients VALUES (1, 'Tom''s Garage', '100');
INSERT INTO cwa_clients VALUES (2, 'Blue Heron Bakery', NULL);
INSERT INTO cwa_clients VALUES (3, 'Corner Flowers', 'see notes');
INSERT INTO cwa_computers VALUES (1, 'DESKTOP-0001', 1, 'EX00001Q', 'ex00001q', '', '2026-11-02 08:01:00+00', 'user1', 'Dell Inc.');
INSERT INTO cwa_computers VALUES (2, 'DESKTOP-0002', 1, 'EX00002Q', 'ex00002q', '', '2026-11-03 08:02:00+00', 'user2', 'Dell Inc.');
INSERT INTO cwa_computers VALUES (3, 'LAPTOP-0003', 1, 'EX00003Q', 'ex00003q', '', '2026-11-04 08:03:00+00', 'user3', 'Dell Inc.');
INSERT INTO cwa_group_members VALUES (1, 851);
INSERT INTO cwa_group_members VALUES (2, 851);
INSERT INTO cwa_group_members VALUES (3, 851);
INSERT INTO cwa_groups VALUES (850, 'BizCare Basic', 'BizCare Basic');
INSERT INTO cwa_groups VALUES (851, 'BizCare Plus', 'BizCare Plus');
INSERT INTO cwa_groups VALUES (852, 'BizCare Premium', 'BizCare Premium');
INSERT INTO group_issues VALUES ('group:106:no_cwa_subscriptions', 'no_cwa_subscriptions', 'missing', 'error', 106, 'Granite Gym', NULL, NULL, NULL, '1 BizCare Premium', NULL);
INSERT INTO group_issues VALUES ('group:107:no_cwa_subscriptions', 'no_cwa_subscriptions', 'unlinked', 'error', 107, 'Harbor Lights Hotel', NULL, NULL, NULL, '1 BizCare Premium', NULL);
INSERT INTO group_issues VALUES ('group:108:too_few_subscriptions', 'too_few_subscriptions', NULL, 'error', 108, 'Iris & Sons Printing', NULL, NULL, NULL, '1 BizCare Plus, 1 BizCare Premium', 'BizCare Plus');
INSERT INTO issue_history VALUES ('client:11:shared_external_id', 'client', 'shared_external_id', NULL, '2026-11-23 09:36:36.913239+00', '2026-11-23 09:36:36.913239+00', NULL);
INSERT INTO issue_history VALUES ('client:12:shared_external_id', 'client', 'shared_external_id', NULL, '2026-11-23 09:36:36.913239+00', '2026-11-23 09:36:36.913239+00', NULL);
INSERT INTO issue_history VALUES ('client:2:no_pcrt_group', 'client', 'no_pcrt_group', 'external_id_missing', '2026-11-23 09:36:36.913239+00', '2026-11-23 09:36:36.913239+00', NULL);
INSERT INTO match_suggestions VALUES (32, 1, 1135, 23, 'possible', true, 'serial has one character wrong, same group, but the customer has more serials as near as that, but another computer fits it better');
INSERT INTO match_suggestions VALUES (32, 2, 1136, 23, 'possible', true, 'serial has one character wrong, same group, but the customer has more serials as near as that, but another computer fits it better');
INSERT INTO match_suggestions VALUES (32, 3, 1137, 20, 'possible', true, 'one of 3 PCIDs left in the group that it can be, same group');
INSERT INTO members_plan VALUES (501, 100, 'BizCare Plus', '_1001_1002_1003_', '_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_', 3, 7, 0, '1004 1005 1006 1007 1008 1009 1010', NULL, false, NULL, NULL, 'planned', NULL, NULL);
INSERT INTO members_plan VALUES (502, 100, 'BizCare Premium', '', '_1001_1002_1003_1004_1005_1006_1007_1008_1009_1010_', 0, 10, 0, '1001 1002 1003 1004 1005 1006 1007 1008 1009 1010', NULL, false, NULL, NULL, 'planned', NULL, NULL);
INSERT INTO members_plan VALUES (511, 104, 'BizCare Basic', '_1031_1137_', '_1031_', 2, 0, 1, NULL, '1137', false, NULL, NULL, 'planned', NULL, NULL);
INSERT INTO open_issues VALUES ('client:11:shared_external_id', 'client', 'shared_external_id', NULL, 'warning', 'Kite Lake Lodge', 'Kite Lake Lodge', '2026-11-23 09:36:36.913239+00');
INSERT INTO open_issues VALUES ('client:12:shared_external_id', 'client', 'shared_external_id', NULL, 'warning', 'Kite Lake Lodge (boathouse)', 'Kite Lake Lodge (boathouse)', '2026-11-23 09:36:36.913239+00');
INSERT INTO open_issues VALUES ('client:2:no_pcrt_group', 'client', 'no_pcrt_group', 'external_id_missing', 'error', 'Blue Heron Bakery', 'Blue Heron Bakery', '2026-11-23 09:36:36.913239+00');
INSERT INTO pcrt_groups VALUES (100, 'Tom''s Garage');
INSERT INTO pcrt_groups VALUES (104, 'Elm Street Dental');
INSERT INTO pcrt_groups VALUES (105, 'Fern Valley Vets');
INSERT INTO pcrt_pcids VALUES (1001, 'PC 1001', 'Examplebook 14', 100, 'EX00001Q', 'ex00001q', NULL);
INSERT INTO pcrt_pcids VALUES (1002, 'PC 1002', 'Examplebook 14', 100, 'EX00002Q', 'ex00002q', NULL);
INSERT INTO pcrt_pcids VALUES (1003, 'PC 1003', 'Examplebook 14', 100, 'EX00003Q', 'ex00003q', NULL);
INSERT INTO pcrt_subscriptions VALUES (501, 'BizCare Plus', 100, NULL, 100, 'BizCare Plus', 'BizCare Plus', true, true, '_1001_1002_1003_');
INSERT INTO pcrt_subscriptions VALUES (502, 'BizCare Premium', 100, NULL, 100, 'BizCare Premium', 'BizCare Premium', true, true, '');
INSERT INTO pcrt_subscriptions VALUES (511, 'BizCare Basic', 104, NULL, 104, 'BizCare Basic', 'BizCare Basic', true, true, '_1031_1137_');
INSERT INTO read_receipts VALUES ('5a074bfa-0182-4fa0-8df0-8db9dedfb53f', 'cwa_clients', '2026-11-23 09:36:28.379223+00', 13, 13, 'Total-Count');
INSERT INTO read_receipts VALUES ('5a074bfa-0182-4fa0-8df0-8db9dedfb53f', 'cwa_computers', '2026-11-23 09:36:28.574735+00', 31, 31, 'Total-Count');
INSERT INTO read_receipts VALUES ('5a074bfa-0182-4fa0-8df0-8db9dedfb53f', 'cwa_group_members', '2026-11-23 09:36:28.856331+00', 31, 31, 'Total-Count');
INSERT INTO serial_blacklist VALUES ('', '');
INSERT INTO serial_blacklist VALUES ('(null string)', '(null string)');
INSERT INTO serial_blacklist VALUES ('(null)', '(null)');
INSERT INTO subscription_members VALUES (501, 100, 'BizCare Plus', 1001);
INSERT INTO subscription_members VALUES (501, 100, 'BizCare Plus', 1002);
INSERT INTO subscription_members VALUES (501, 100, 'BizCare Plus', 1003);
INSERT INTO sync_runs VALUES ('5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:38.386747+00', true);
INSERT INTO table_loads VALUES ('coverage_history', '', '2026-11-23 09:36:41.101169+00', 3, 'b847e7d2c11ec8b9870e65b530ebb456');
INSERT INTO table_loads VALUES ('additional_members', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, '824959aa3c9e044144e0ad039298ed34');
INSERT INTO table_loads VALUES ('client_groups', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, '2a6ecff3b5a063d120decb7d2343b478');
INSERT INTO table_loads VALUES ('client_issues', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, '9d0e9ee096cc7b63ae9bc05cc099da4d');
INSERT INTO table_loads VALUES ('computer_issues', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, 'ed4df36f8c9cd7cc02c6d8ce73f1628f');
INSERT INTO table_loads VALUES ('computer_matches', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, '3e32325e2b0e15706520e64d54f03f64');
INSERT INTO table_loads VALUES ('cwa_clients', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, 'be4fd90ea9cc60712e523a844f0369f8');
INSERT INTO table_loads VALUES ('cwa_computers', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, 'e0db9ea3bb2a6b59a1aa213404941fee');
INSERT INTO table_loads VALUES ('cwa_group_members', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, '19f5dc25b6f4a08a9092980e5bc417c6');
INSERT INTO table_loads VALUES ('cwa_groups', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, 'd3c17f7f4338a12142cd56931403a979');
INSERT INTO table_loads VALUES ('group_issues', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, 'a71c95492e0fd8b040edf2244c2f6b88');
INSERT INTO table_loads VALUES ('issue_history', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, 'a00e2b0c90e210456de0e5d7111b95ed');
INSERT INTO table_loads VALUES ('match_suggestions', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, '6eec89f2b0047fff674a73dc2b9a846c');
INSERT INTO table_loads VALUES ('members_plan', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, 'd3dd9b5e22002c25a0914cd8f77b8088');
INSERT INTO table_loads VALUES ('open_issues', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, '3c0f3f5e4481a88072f7792da8907044');
INSERT INTO table_loads VALUES ('pcrt_groups', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, '81eadb08fcade4bffb0712bd1ce54969');
INSERT INTO table_loads VALUES ('pcrt_pcids', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, 'bbdcc793f66ad375224b95f8f5247507');
INSERT INTO table_loads VALUES ('pcrt_subscriptions', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, 'b662f9222e02b38326dcd2f6f8e57fc7');
INSERT INTO table_loads VALUES ('serial_blacklist', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, 'd5defdaaa160f5e1d053fee878ec82b1');
INSERT INTO table_loads VALUES ('subscription_members', '5a074bfa-0182-4fa0-8df0-8db9dedfb53f', '2026-11-23 09:36:41.355154+00', 3, '5568ce273827b7eca434e0fedb4359c2');
ALTER TABLE ONLY additional_members
    ADD CONSTRAINT additional_members_pkey PRIMARY KEY (subscription_id);
ALTER TABLE ONLY client_groups
    ADD CONSTRAINT client_groups_pkey PRIMARY KEY (client_id);
ALTER TABLE ONLY client_issues
    ADD CONSTRAINT client_issues_pkey PRIMARY KEY (issue_key);
ALTER TABLE ONLY computer_issues
    ADD CONSTRAINT computer_issues_pkey PRIMARY KEY (issue_key);
ALTER TABLE ONLY computer_matches
    ADD CONSTRAINT computer_matches_pkey PRIMARY KEY (computer_id);
ALTER TABLE ONLY coverage_history
    ADD CONSTRAINT coverage_history_pkey PRIMARY KEY (subscription_id, pcid, covered_from);
ALTER TABLE ONLY cwa_clients
    ADD CONSTRAINT cwa_clients_pkey PRIMARY KEY (client_id);
ALTER TABLE ONLY cwa_computers
    ADD CONSTRAINT cwa_computers_pkey PRIMARY KEY (computer_id);
ALTER TABLE ONLY cwa_group_members
    ADD CONSTRAINT cwa_group_members_pkey PRIMARY KEY (computer_id, cwa_group_id);
ALTER TABLE ONLY cwa_groups
    ADD CONSTRAINT cwa_groups_pkey PRIMARY KEY (cwa_group_id);
ALTER TABLE ONLY group_holds
    ADD CONSTRAINT group_holds_pkey PRIMARY KEY (group_id, held_since);
ALTER TABLE ONLY group_issues
    ADD CONSTRAINT group_issues_pkey PRIMARY KEY (issue_key);
ALTER TABLE ONLY issue_history
    ADD CONSTRAINT issue_history_pkey PRIMARY KEY (issue_key, first_seen);
ALTER TABLE ONLY issue_snoozes
    ADD CONSTRAINT issue_snoozes_pkey PRIMARY KEY (issue_key, snoozed_at);
ALTER TABLE ONLY match_suggestions
    ADD CONSTRAINT match_suggestions_pkey PRIMARY KEY (computer_id, rank);
ALTER TABLE ONLY members_plan
    ADD CONSTRAINT members_plan_pkey PRIMARY KEY (subscription_id);
ALTER TABLE ONLY open_issues
    ADD CONSTRAINT open_issues_pkey PRIMARY KEY (issue_key);
ALTER TABLE ONLY pcrt_groups
    ADD CONSTRAINT pcrt_groups_pkey PRIMARY KEY (group_id);
ALTER TABLE ONLY pcrt_pcids
    ADD CONSTRAINT pcrt_pcids_pkey PRIMARY KEY (pcid);
ALTER TABLE ONLY pcrt_subscriptions
    ADD CONSTRAINT pcrt_subscriptions_pkey PRIMARY KEY (subscription_id);
ALTER TABLE ONLY read_receipts
    ADD CONSTRAINT read_receipts_pkey PRIMARY KEY (run_id, table_name);
ALTER TABLE ONLY serial_blacklist
    ADD CONSTRAINT serial_blacklist_pkey PRIMARY KEY (normalised);
ALTER TABLE ONLY subscription_members
    ADD CONSTRAINT subscription_members_pkey PRIMARY KEY (subscription_id, pcid);
ALTER TABLE ONLY sync_failures
    ADD CONSTRAINT sync_failures_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY sync_runs
    ADD CONSTRAINT sync_runs_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY table_loads
    ADD CONSTRAINT table_loads_pkey PRIMARY KEY (table_name);
